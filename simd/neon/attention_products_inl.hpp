// The products of integer attention at level neon (ARMv8.0, no dot product): smull and smlal, 8 products an
// instruction, added in 16 bits over as many steps as their bound allows. Not what ARM's levels share: attention_neon_inl.hpp.
#pragma once

#include "neon/attention_neon_inl.hpp"

namespace mica::simd {
namespace {

struct LongProducts {
  // kSteps steps of four bytes of depth: 8 columns of a panel, in vectors of two columns by four bytes.
  template <int kRows, int kSteps>
  static void add_steps(int32x4_t (&totals)[kRows][4], const int8_t* rows, size_t stride, const int8_t* panel) {
    int16x8_t words[kRows][4];
#pragma GCC unroll 8
    for (int step = 0; step < kSteps; ++step) {
      const int8x16_t panel0 = vld1q_s8(panel + step * 64), panel1 = vld1q_s8(panel + step * 64 + 16);
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row) {
        const int8x16_t four = broadcast_4(rows + row * stride + step * 4);
        if (step == 0) {
          words[row][0] = vmull_s8(vget_low_s8(panel0), vget_low_s8(four));
          words[row][1] = vmull_high_s8(panel0, four);
          words[row][2] = vmull_s8(vget_low_s8(panel1), vget_low_s8(four));
          words[row][3] = vmull_high_s8(panel1, four);
        } else {
          words[row][0] = vmlal_s8(words[row][0], vget_low_s8(panel0), vget_low_s8(four));
          words[row][1] = vmlal_high_s8(words[row][1], panel0, four);
          words[row][2] = vmlal_s8(words[row][2], vget_low_s8(panel1), vget_low_s8(four));
          words[row][3] = vmlal_high_s8(words[row][3], panel1, four);
        }
      }
    }
#pragma GCC unroll 4
    for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) totals[row][i] = vpadalq_s16(totals[row][i], words[row][i]);
  }

  template <int kRows, int kMost>
  static void multiply(int32_t* sums, size_t sums_stride, const int8_t* rows, size_t stride, const int8_t* panel,
                       size_t depth) {
    constexpr int kSteps = 32767 / kMost >= 8 ? 8 : 4;
    static_assert(kSteps * kMost <= 32767);
    for (int half = 0; half < 2; ++half, panel += 32, sums += 8) {
      int32x4_t totals[kRows][4];
      for (int row = 0; row < kRows; ++row)
        for (int i = 0; i < 4; ++i) totals[row][i] = vdupq_n_s32(0);
      size_t at = 0;
      for (; at + 4 * kSteps <= depth; at += 4 * kSteps)
        add_steps<kRows, kSteps>(totals, rows + at, stride, panel + at * kAttentionPanel);
      for (; at < depth; at += 8) add_steps<kRows, 2>(totals, rows + at, stride, panel + at * kAttentionPanel);
      for (int row = 0; row < kRows; ++row)
        for (int i = 0; i < 4; i += 2)
          vst1q_s32(sums + row * sums_stride + i * 2, vpaddq_s32(totals[row][i], totals[row][i + 1]));
    }
  }
};

using AttentionProducts = SignedProducts<LongProducts>;

}  // namespace
}  // namespace mica::simd
