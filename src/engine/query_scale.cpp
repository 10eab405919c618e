// QueryScale: one factor a row, in float as the reference has it.
#include "query_scale.hpp"

#include <cmath>

namespace mica {

namespace {

float scale_at(const RopeSpec& rope, uint32_t position) {
  if (rope.logn) {
    const double seen = static_cast<double>(position) + 1, trained = rope.original_context;
    return seen > trained ? static_cast<float>(std::log(seen) / std::log(trained)) : 1.0f;
  }
  if (rope.query_beta == 0) return 1;
  const float turns = std::floor(static_cast<float>(position) / static_cast<float>(rope.original_context));
  return 1 + rope.query_beta * std::log(1 + turns);
}

}  // namespace

void scale_queries(const Compute& compute, const DecoderSpec& decoder, DecoderParts parts, float* queries,
                   size_t stride, size_t head_dim) {
  const RopeSpec& rope = decoder.rope;
  const float attention = decoder.multipliers.attention;
  if (rope.query_beta == 0 && !rope.logn && attention == 0) return;
  // Attention divides by the root of head_dim.
  const float always = attention == 0 ? 1.0f : attention * std::sqrt(static_cast<float>(head_dim));
  const size_t width = decoder.heads * head_dim;
  for (const DecoderPart& part : parts) {
    for_rows(compute, part.chunk.count, [&](size_t row) {
      const float scale = always * scale_at(rope, part.chunk.positions[row * 3]);
      float* query = queries + row * stride;
      for (size_t i = 0; i < width; ++i) query[i] *= scale;
    });
    queries += part.chunk.count * stride;
  }
}

}  // namespace mica
