// Attention: the tiling of float attention over heads and rows. Not arithmetic: simd/float_kernels.hpp.
#include "attention.hpp"

#include <algorithm>

#include "attention_tile.hpp"
#include "checked.hpp"

namespace mica {

void attention(const Compute& compute, const AttentionShape& shape, const float* queries, size_t query_stride,
               size_t rows, const KeyValueRun* runs, size_t run_count, float* out, size_t out_stride) {
  const size_t d = shape.head_dim;
  const size_t row_tiles = ceil_div(rows, kTileRows);
  const size_t group = shape.heads / shape.kv_heads;
  parallel_for(compute, shape.heads * row_tiles, [&](size_t task, int thread) {
    const size_t head = task / row_tiles;
    const size_t first_row = task % row_tiles * kTileRows;
    const size_t tile_rows = std::min(kTileRows, rows - first_row);
    float* base = compute.scratch_of<float>(thread);
    const TileScratch scratch = split_tile_scratch(base, d);
    float* values = base + tile_scratch_floats(d);
    const SoftmaxRows state{values, values + kTileRows * d, values + kTileRows * (d + 1)};
    begin_softmax(state, tile_rows, d);
    const float* query = queries + first_row * query_stride + head * d;
    for (size_t run = 0; run < run_count; ++run)
      attend_run(*compute.kernels->f32, runs[run], head / group, shape, 0, runs[run].count, query, query_stride, first_row,
                 tile_rows, state, scratch);
    for (size_t row = 0; row < tile_rows; ++row) {
      const float inverse = 1.0f / state.sum[row];
      float* target = out + (first_row + row) * out_stride + head * d;
      for (size_t i = 0; i < d; ++i) target[i] = state.out[row * d + i] * inverse;
    }
  });
}

size_t attention_scratch_bytes(const AttentionShape& shape) {
  const size_t floats = tile_scratch_floats(shape.head_dim) + kTileRows * (shape.head_dim + 2);
  return round_up(floats * sizeof(float), 64);
}

void pack_keys(const Compute& compute, float* blocks, const float* keys, size_t stride, size_t count, size_t head_dim) {
  static_assert(kKeyBlock == simd::kKeyBlock);
  compute.kernels->f32->pack_keys(blocks, 0, keys, stride, count, head_dim);
}

}  // namespace mica
