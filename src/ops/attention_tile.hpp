// AttentionTile: the float step that every kind of attention shares: a few rows of one head over tiles of keys, with an
// online softmax. Not the choice of rows, heads and runs: attention.cpp and cache_attention.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "attention.hpp"
#include "kernels.hpp"

namespace mica {

// 60 rows (ten of six, six of ten: whole register tiles at every level) by 128 keys of scores are 30 KiB: with a block
// of keys and values they stay in the second-level cache.
inline constexpr size_t kTileRows = 60;
inline constexpr size_t kTileKeys = 4 * kKeyBlock;

struct TileScratch {
  float* scores;      // [kTileRows][kTileKeys]
  float* keys;        // [kTileKeys / 32][d][32], widened
  float* values;      // [kTileKeys][d], widened
  uint32_t* allowed;  // [kTileRows], of the tile at hand
};

// What the online softmax has gathered for each row; begins at -infinity, 0 and 0.
struct SoftmaxRows {
  float* out;  // [rows][d], not yet divided by `sum`
  float* max;
  float* sum;
};

size_t tile_scratch_floats(size_t head_dim);
// Pieces of `base`, which has room for tile_scratch_floats(head_dim).
TileScratch split_tile_scratch(float* base, size_t head_dim);
// Scores that are not yet divided by the root of head_dim, as the shape caps them.
void cap_scores(const AttentionShape& shape, float* scores, size_t stride, size_t rows, size_t count);
void begin_softmax(const SoftmaxRows& state, size_t rows, size_t head_dim);

// Adds what `rows` queries (from row `first_row` of the run's `allowed` on) see of keys [first_key, end_key) of a run.
void attend_run(const simd::FloatKernels& kernels, const KeyValueRun& run, size_t kv_head, const AttentionShape& shape,
                size_t first_key, size_t end_key, const float* queries, size_t query_stride, size_t first_row,
                size_t rows, const SoftmaxRows& state, const TileScratch& scratch);

}  // namespace mica
