// RoPE: rows over threads. Not arithmetic: simd/float_kernels.hpp.
#include "rope.hpp"

#include <cmath>

#include "kernels.hpp"

namespace mica {
void rope_fill(const Compute& compute, const RopeTable& table, const uint32_t* positions, size_t axes, size_t rows,
               const float* frequency, const uint8_t* axis_of) {
  for_rows(compute, rows, [&](size_t row) {
    for (size_t i = 0; i < table.half; ++i) {
      const float angle = static_cast<float>(positions[row * axes + axis_of[i]]) * frequency[i];
      table.cosine[row * table.half + i] = static_cast<float>(std::cos(static_cast<double>(angle))) * table.scale;
      table.sine[row * table.half + i] = static_cast<float>(std::sin(static_cast<double>(angle))) * table.scale;
    }
  });
}

void rope_apply(const Compute& compute, const RopeTable& table, float* x, size_t stride, size_t rows, size_t heads,
                size_t head_dim, bool interleaved) {
  const auto rotate = interleaved ? compute.kernels->f32->rope_pairs : compute.kernels->f32->rope_halves;
  const size_t pairs = table.half / table.parts;
  for_rows(compute, rows, [&](size_t row) {
    for (size_t head = 0; head < heads; ++head)
      for (size_t part = 0; part < table.parts; ++part) {
        const size_t first = row * table.half + part * pairs;
        rotate(x + row * stride + head * head_dim + part * 2 * pairs, table.cosine + first, table.sine + first, pairs);
      }
  });
}

}  // namespace mica
