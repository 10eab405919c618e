// AttentionTile: tiles of keys, widened where they are float16. Not arithmetic: simd/float_kernels.hpp.
#include "attention_tile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "checked.hpp"

namespace mica {
namespace {

constexpr size_t kRowFloats = 64;  // kTileRows, padded to whole cache lines

struct Tile {
  const float* keys;    // blocks
  const float* values;
  size_t value_stride;
};

// Keys [first, first + count) of a run as float: in place, or widened into scratch.
Tile tile_of(const simd::FloatKernels& kernels, const KeyValueRun& run, size_t head, size_t d, size_t first,
             size_t count, const TileScratch& s) {
  if (run.keys_f32)
    return {run.keys_f32 + head * run.key_head_stride + first * d,
            run.values_f32 + first * run.value_stride + head * run.value_head_stride, run.value_stride};
  kernels.widen_f16(s.keys, run.keys_f16 + head * run.key_head_stride + first * d, round_up(count, kKeyBlock) * d);
  for (size_t token = 0; token < count; ++token)
    kernels.widen_f16(s.values + token * d,
                      run.values_f16 + (first + token) * run.value_stride + head * run.value_head_stride, d);
  return {s.keys, s.values, d};
}

// How many keys of the tile each row sees or has seen, into s.allowed, none where it sees none; returns the most.
size_t allowed_in_tile(const KeyValueRun& run, size_t first_row, size_t rows, size_t first_key, size_t count,
                       const TileScratch& s) {
  size_t most = 0;
  for (size_t row = 0; row < rows; ++row) {
    const size_t seen = run.allowed ? run.allowed[first_row + row] : run.count;
    const size_t here = seen <= first_key ? 0 : std::min(seen - first_key, count);
    const bool sees_any = run.unseen.within(first_row + row, first_key, count) < here;
    s.allowed[row] = sees_any ? static_cast<uint32_t>(here) : 0;
    most = std::max<size_t>(most, s.allowed[row]);
  }
  return most;
}

void mask_unseen(const KeyValueRun& run, size_t first_row, size_t rows, size_t first_key, const TileScratch& s) {
  for (size_t row = 0; run.unseen.any() && row < rows; ++row)
    mask_scores(s.scores + row * kTileKeys, run.unseen.within(first_row + row, first_key, s.allowed[row]));
}

// The first row that sees beyond `key` keys of the tile; there is one.
size_t first_row_to_see(const uint32_t* allowed, size_t rows, size_t key) {
  size_t row = 0;
  while (row + 1 < rows && allowed[row] <= key) ++row;
  return row;
}

// The rows [begin, *end), whole groups of `group` rows, of which each group sees about as many keys; returns the most
// of them.
size_t alike_rows(const uint32_t* allowed, size_t rows, size_t group, size_t begin, size_t* end) {
  constexpr size_t kAlike = 16;  // keys: below that a product of its own for a group of rows wins nothing
  const auto most_from = [=](size_t row) {
    return *std::max_element(allowed + row, allowed + std::min(row + group, rows));
  };
  size_t most = most_from(begin);
  const size_t first = most / kAlike;
  for (*end = begin + group; *end < rows; *end += group) {
    const size_t next = most_from(*end);
    if (next / kAlike != first) break;
    most = std::max<size_t>(most, next);
  }
  *end = std::min(*end, rows);
  return most;
}

}  // namespace

size_t tile_scratch_floats(size_t head_dim) { return kTileRows * kTileKeys + 2 * kTileKeys * head_dim + kRowFloats; }

TileScratch split_tile_scratch(float* base, size_t head_dim) {
  TileScratch s;
  s.scores = base;
  s.keys = s.scores + kTileRows * kTileKeys;
  s.values = s.keys + kTileKeys * head_dim;
  s.allowed = reinterpret_cast<uint32_t*>(s.values + kTileKeys * head_dim);
  return s;
}

void begin_softmax(const SoftmaxRows& state, size_t rows, size_t head_dim) {
  std::fill_n(state.out, rows * head_dim, 0.0f);
  std::fill_n(state.max, rows, -std::numeric_limits<float>::infinity());
  std::fill_n(state.sum, rows, 0.0f);
}

void cap_scores(const AttentionShape& shape, float* scores, size_t stride, size_t rows, size_t count) {
  if (shape.score_cap == 0) return;
  const float cap = shape.score_cap * std::sqrt(static_cast<float>(shape.head_dim));
  for (size_t row = 0; row < rows; ++row)
    for (size_t i = 0; i < count; ++i) scores[row * stride + i] = cap * std::tanh(scores[row * stride + i] / cap);
}

void attend_run(const simd::FloatKernels& kernels, const KeyValueRun& run, size_t kv_head, const AttentionShape& shape,
                size_t first_key, size_t end_key, const float* queries, size_t query_stride, size_t first_row,
                size_t rows, const SoftmaxRows& state, const TileScratch& s) {
  const size_t d = shape.head_dim;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  for (size_t first = first_key; first < end_key; first += kTileKeys) {
    const size_t count = std::min(kTileKeys, end_key - first);
    const size_t seen = allowed_in_tile(run, first_row, rows, first, count, s);
    if (seen == 0) continue;
    const Tile tile = tile_of(kernels, run, kv_head, d, first, count, s);
    for (size_t block = 0; block * kKeyBlock < seen; ++block) {
      const size_t begin = first_row_to_see(s.allowed, rows, block * kKeyBlock) / kernels.gemm_rows * kernels.gemm_rows;
      kernels.gemm_f32(s.scores + begin * kTileKeys + block * kKeyBlock, kTileKeys, queries + begin * query_stride,
                       query_stride, tile.keys + block * kKeyBlock * d, kKeyBlock, rows - begin, kKeyBlock, d, false);
    }
    for (size_t row = 0; shape.score_cap != 0 && row < rows; ++row)
      cap_scores(shape, s.scores + row * kTileKeys, kTileKeys, 1, s.allowed[row]);
    mask_unseen(run, first_row, rows, first, s);
    // Whole blocks, whose scores have been made: batches of them end where they do.
    kernels.softmax_tile(s.scores, kTileKeys, rows, round_up(seen, kKeyBlock), s.allowed, scale, state.max, state.sum,
                         state.out, d, d);
    for (size_t begin = 0, end; begin < rows; begin = end) {
      const size_t depth = alike_rows(s.allowed, rows, kernels.gemm_rows, begin, &end);
      kernels.gemm_f32(state.out + begin * d, d, s.scores + begin * kTileKeys, kTileKeys, tile.values,
                       tile.value_stride, end - begin, d, depth, true);
    }
  }
}

}  // namespace mica
