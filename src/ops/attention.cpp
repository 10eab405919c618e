// Attention: the tiling of float attention over heads and rows. Not arithmetic: simd/float_kernels.hpp.
#include "attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "checked.hpp"

namespace mica {
namespace {

using simd::kKeyBlock;

// 60 rows (ten of six, six of ten: whole register tiles at every level) by 128 keys of scores are 30 KiB: with a block
// of keys and values they stay in the second-level cache.
constexpr size_t kTileRows = 60;
constexpr size_t kTileKeys = 4 * kKeyBlock;

struct Scratch {
  float* scores;     // [kTileRows][kTileKeys]
  float* keys;       // [kTileKeys / 32][d][32], widened
  float* values;     // [kTileKeys][d], widened
  float* out;        // [kTileRows][d]
  float* row_max;    // [kTileRows]
  float* row_sum;    // [kTileRows]
  uint32_t* allowed; // [kTileRows], of the tile at hand
};

constexpr size_t kRowFloats = 64;  // kTileRows, padded to whole cache lines

Scratch split(float* base, size_t d) {
  Scratch s;
  s.scores = base;
  s.keys = s.scores + kTileRows * kTileKeys;
  s.values = s.keys + kTileKeys * d;
  s.out = s.values + kTileKeys * d;
  s.row_max = s.out + round_up(kTileRows * d, 16);
  s.row_sum = s.row_max + kRowFloats;
  s.allowed = reinterpret_cast<uint32_t*>(s.row_sum + kRowFloats);
  return s;
}

struct Tile {
  const float* keys;    // blocks
  const float* values;
  size_t value_stride;
};

// Keys [first, first + count) of a run as float: in place, or widened into scratch.
Tile tile_of(const simd::FloatKernels& kernels, const KeyValueRun& run, size_t head, size_t d, size_t first,
             size_t count, const Scratch& s) {
  if (run.keys_f32)
    return {run.keys_f32 + head * run.key_head_stride + first * d,
            run.values_f32 + first * run.value_stride + head * run.value_head_stride, run.value_stride};
  kernels.widen_f16(s.keys, run.keys_f16 + head * run.key_head_stride + first * d, round_up(count, kKeyBlock) * d);
  for (size_t token = 0; token < count; ++token)
    kernels.widen_f16(s.values + token * d,
                      run.values_f16 + (first + token) * run.value_stride + head * run.value_head_stride, d);
  return {s.keys, s.values, d};
}

// How many keys of the tile each row sees, into s.allowed; returns the most of them.
size_t allowed_in_tile(const KeyValueRun& run, size_t first_row, size_t rows, size_t first_key, size_t count,
                       const Scratch& s) {
  size_t most = 0;
  for (size_t row = 0; row < rows; ++row) {
    const size_t seen = run.allowed ? run.allowed[first_row + row] : run.count;
    const size_t here = seen <= first_key ? 0 : std::min(seen - first_key, count);
    s.allowed[row] = static_cast<uint32_t>(here);
    most = std::max(most, here);
  }
  return most;
}

void attend_run(const simd::FloatKernels& kernels, const KeyValueRun& run, size_t kv_head, size_t d, const float* queries,
                size_t query_stride, size_t first_row, size_t rows, const Scratch& s) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  for (size_t first = 0; first < run.count; first += kTileKeys) {
    const size_t count = std::min(kTileKeys, run.count - first);
    const size_t seen = allowed_in_tile(run, first_row, rows, first, count, s);
    if (seen == 0) continue;
    const Tile tile = tile_of(kernels, run, kv_head, d, first, count, s);
    for (size_t block = 0; block * kKeyBlock < seen; ++block)
      kernels.gemm_f32(s.scores + block * kKeyBlock, kTileKeys, queries, query_stride, tile.keys + block * kKeyBlock * d,
                       kKeyBlock, rows, kKeyBlock, d, false);
    kernels.softmax_tile(s.scores, kTileKeys, rows, seen, s.allowed, scale, s.row_max, s.row_sum, s.out, d, d);
    kernels.gemm_f32(s.out, d, s.scores, kTileKeys, tile.values, tile.value_stride, rows, d, seen, true);
  }
}

}  // namespace

void attention(const Compute& compute, const AttentionShape& shape, const float* queries, size_t query_stride,
               size_t rows, const KeyValueRun* runs, size_t run_count, float* out, size_t out_stride) {
  const size_t d = shape.head_dim;
  const size_t row_tiles = ceil_div(rows, kTileRows);
  const size_t group = shape.heads / shape.kv_heads;
  parallel_for(compute, shape.heads * row_tiles, [&](size_t task, int thread) {
    const size_t head = task / row_tiles;
    const size_t first_row = task % row_tiles * kTileRows;
    const size_t tile_rows = std::min(kTileRows, rows - first_row);
    const Scratch s = split(compute.scratch_of<float>(thread), d);
    std::fill_n(s.out, tile_rows * d, 0.0f);
    std::fill_n(s.row_max, tile_rows, -std::numeric_limits<float>::infinity());
    std::fill_n(s.row_sum, tile_rows, 0.0f);
    const float* query = queries + first_row * query_stride + head * d;
    for (size_t run = 0; run < run_count; ++run)
      attend_run(*compute.kernels->f32, runs[run], head / group, d, query, query_stride, first_row, tile_rows, s);
    for (size_t row = 0; row < tile_rows; ++row) {
      const float inverse = 1.0f / s.row_sum[row];
      float* target = out + (first_row + row) * out_stride + head * d;
      for (size_t i = 0; i < d; ++i) target[i] = s.out[row * d + i] * inverse;
    }
  });
}

size_t attention_scratch_bytes(const AttentionShape& shape) {
  const size_t d = shape.head_dim;
  const size_t floats = kTileRows * kTileKeys + 2 * kTileKeys * d + round_up(kTileRows * d, 16) + 3 * kRowFloats;
  return round_up(floats * sizeof(float), 64);
}

}  // namespace mica
