// The loops of integer attention around every level's products: tiles of keys, groups of rows, the online softmax. Not
// arithmetic: a Core multiplies and exponentiates. Included by the scalar level with its own, by vector levels with
// that of attention_vector_inl.hpp.
//
// A Core has:
//   kRows                    rows that it multiplies at once
//   scores<rows>(q, q_stride, panel, channels, scores)   scores[row][0, 16) of one panel of keys, rows kAttentionKeys apart
//   greatest(scores, keys)                               of `keys` scores, a multiple of 16
//   probabilities(p, scores, keys, most, exponent)       p of a row, a multiple of 32; returns their sum
//   powers(x, count)                                     x <- 2^x, a multiple of 8
//   sums<rows>(p, panel, keys, sums)                     sums[row][0, 16) of a panel of values; rows of p kAttentionKeys apart
//   add(out, rescale, weight, sums)                      out[0, 16) <- out * rescale + weight * float(sums), two roundings
#pragma once

#include <cmath>
#include <cstring>

#include "attention_exponential.hpp"
#include "attention_kernels.hpp"

namespace mica::simd {
namespace {

// Keys whose probabilities are made at once.
constexpr size_t kProbabilityStep = 32;
// Beneath every score, and not so far that a difference overflows.
constexpr int32_t kNoScore = -(1 << 30);

struct AttentionRows {
  alignas(64) int32_t most[kAttentionRowsMax];  // the greatest score so far
  float sum[kAttentionRowsMax];
};

// Scores, probabilities and weights of one group of rows in one tile of keys.
template <class Core>
struct AttentionGroup {
  static constexpr size_t kPadded = (Core::kRows + 7) / 8 * 8;
  alignas(64) int32_t scores[Core::kRows * kAttentionKeys];
  alignas(64) uint8_t p[Core::kRows * kAttentionKeys];
  alignas(64) int32_t sums[Core::kRows * kAttentionPanel];
  alignas(64) float rescale[kPadded];
  alignas(64) float weight[kPadded];
  int32_t most[kPadded];
};

// Calls f.operator()<rows>(): `rows`, 1 to kMost, as a constant, so that a group of rows stays in registers.
template <int kMost, class F>
void with_group(size_t rows, const F& f) {
  if constexpr (kMost > 1) {
    if (rows < kMost) return with_group<kMost - 1>(rows, f);
  }
  f.template operator()<kMost>();
}

// What a tile's greatest scores make of the weights of earlier tiles and of its own.
template <class Core>
void weigh_tile(AttentionGroup<Core>& group, int32_t* most, const float* exponent, size_t rows, size_t keys) {
  for (size_t row = 0; row < rows; ++row) {
    const int32_t here = Core::greatest(group.scores + row * kAttentionKeys, keys);
    const int32_t both = here > most[row] ? here : most[row];
    group.most[row] = here;
    group.rescale[row] = static_cast<float>(most[row] - both) * exponent[row];
    group.weight[row] = static_cast<float>(here - both) * exponent[row];
    most[row] = both;
  }
  for (size_t row = rows; row < AttentionGroup<Core>::kPadded; ++row) group.rescale[row] = group.weight[row] = 0;
  Core::powers(group.rescale, AttentionGroup<Core>::kPadded);
  Core::powers(group.weight, AttentionGroup<Core>::kPadded);
}

// kRows rows and the keys [first, first + keys) of a head; `rows` and `scratch` at the first row.
template <class Core, int kRows>
void attend_group(AttentionGroup<Core>& group, const int8_t* queries, const float* exponent, const PackedHead& head,
                  size_t first, size_t keys, int32_t* most, float* sum, float* scratch) {
  const size_t channels = query_row_bytes(head.dims);
  const size_t padded = round_up(keys, kAttentionPanel);
  const size_t whole = round_up(keys, kProbabilityStep);  // what is beyond the keys repeats the first of them
  for (size_t key = 0; key < padded; key += kAttentionPanel)
    Core::template scores<kRows>(queries, channels, head.keys + (first + key) * channels, channels, group.scores + key);
  for (size_t row = 0; row < kRows; ++row)
    for (size_t key = keys; key < whole; ++key)
      group.scores[row * kAttentionKeys + key] = group.scores[row * kAttentionKeys];
  weigh_tile<Core>(group, most, exponent, kRows, padded);
  for (size_t row = 0; row < kRows; ++row) {
    uint8_t* p = group.p + row * kAttentionKeys;
    int32_t total = Core::probabilities(p, group.scores + row * kAttentionKeys, whole, group.most[row], exponent[row]);
    for (size_t key = keys; key < whole; ++key) {
      total -= p[key];
      p[key] = 0;
    }
    sum[row] = std::fma(static_cast<float>(total), group.weight[row], sum[row] * group.rescale[row]);
  }
  const size_t panel_bytes = kAttentionPanel * round_up(head.count, kAttentionPanel);
  const size_t scratch_stride = round_up(head.dims, kAttentionPanel);
  for (size_t channel = 0; channel < head.dims; channel += kAttentionPanel) {
    const int8_t* panel = head.values + channel / kAttentionPanel * panel_bytes + first * kAttentionPanel;
    Core::template sums<kRows>(group.p, panel, padded, group.sums);
    for (size_t row = 0; row < kRows; ++row)
      Core::add(scratch + row * scratch_stride + channel, group.rescale[row], group.weight[row],
                group.sums + row * kAttentionPanel);
  }
}

template <class Core>
void attend(float* out, size_t out_stride, const int8_t* queries, const float* exponent, size_t rows,
            const PackedHead& head, float* scratch) {
  const size_t scratch_stride = round_up(head.dims, kAttentionPanel);
  AttentionRows state;
  AttentionGroup<Core> group;
  for (size_t row = 0; row < rows; ++row) {
    state.most[row] = kNoScore;
    state.sum[row] = 0;
    std::memset(scratch + row * scratch_stride, 0, scratch_stride * sizeof(float));
  }
  for (size_t first = 0; first < head.count; first += kAttentionKeys) {
    const size_t keys = head.count - first < kAttentionKeys ? head.count - first : kAttentionKeys;
    for (size_t row = 0; row < rows; row += Core::kRows)
      with_group<Core::kRows>(rows - row, [&]<int kRows>() {
        attend_group<Core, kRows>(group, queries + row * query_row_bytes(head.dims), exponent + row, head, first, keys,
                                  state.most + row, state.sum + row, scratch + row * scratch_stride);
      });
  }
  for (size_t row = 0; row < rows; ++row) {
    const float inverse = 1.0f / state.sum[row];
    for (size_t c = 0; c < head.dims; ++c)
      out[row * out_stride + c] =
          std::fma(scratch[row * scratch_stride + c] * inverse, head.value_step[c], head.value_middle[c]);
  }
}

}  // namespace
}  // namespace mica::simd
