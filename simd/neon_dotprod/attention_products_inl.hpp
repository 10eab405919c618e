// The products of integer attention at level neon_dotprod: sdot, 16 products an instruction. Not what ARM's levels
// share: attention_neon_inl.hpp.
#pragma once

#include "neon/attention_neon_inl.hpp"

namespace mica::simd {
namespace {

struct DotProducts {
  // Sixteen columns in four sums a row.
  template <int kRows, int kMost>
  static void multiply(int32_t* sums, size_t sums_stride, const int8_t* rows, size_t stride, const int8_t* panel,
                       size_t depth) {
    int32x4_t totals[kRows][4];
#pragma GCC unroll 4
    for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) totals[row][i] = vdupq_n_s32(0);
    for (size_t at = 0; at < depth; at += 4) {
      int8x16_t columns[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) columns[i] = vld1q_s8(panel + at * kAttentionPanel + 16 * i);
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row) {
        const int8x16_t four = broadcast_4(rows + row * stride + at);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) totals[row][i] = vdotq_s32(totals[row][i], columns[i], four);
      }
    }
#pragma GCC unroll 4
    for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) vst1q_s32(sums + row * sums_stride + 4 * i, totals[row][i]);
  }
};

using AttentionProducts = SignedProducts<DotProducts>;

}  // namespace
}  // namespace mica::simd
