// A tile of integer products by sdot, 16 products an instruction. Not the loops around it: neon/gemm_tiles_inl.hpp.
#pragma once

#include "neon/gemm_tiles_inl.hpp"

namespace mica::simd {
namespace {

// Sixteen accumulators: up to four rows by a panel, or eight by half of it. Each sdot takes four inputs of a row from
// one lane.
template <size_t kGroup>
struct DotTile {
  static constexpr size_t kRows = 8;
  static constexpr bool kPaired = false;
  static constexpr size_t kBlockRows = kArmBlockRows, kBlockInputs = kArmBlockInputs;
  static constexpr bool kGrouped = kGroup > 0;

  template <int kTileRows>
  static void multiply(const int8_t* x, size_t x_stride, const int8_t* weights, const int32_t* multipliers,
                       size_t inputs, bool first, int32_t* sums) {
    constexpr int kChannels = kTileRows <= 4 ? 16 : 8;
    for (int c = 0; c < static_cast<int>(kPanelChannels); c += kChannels)
      multiply_channels<kTileRows, kChannels / 4>(x, x_stride, weights + 4 * c, multipliers + c, inputs, first,
                                                  sums + c);
  }

  // kVectors times four channels.
  template <int kTileRows, int kVectors>
  static void multiply_channels(const int8_t* x, size_t x_stride, const int8_t* weights,
                                [[maybe_unused]] const int32_t* multipliers, size_t inputs, bool first,
                                int32_t* sums) {
    int32x4_t totals[kTileRows][kVectors];
#pragma GCC unroll 8
    for (int row = 0; row < kTileRows; ++row)
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i)
        totals[row][i] = first || kGrouped ? vdupq_n_s32(0) : vld1q_s32(sums + row * kPanelChannels + 4 * i);
    const int8_t* const x_end = x + inputs;
    while (x < x_end) {
      const auto left = static_cast<size_t>(x_end - x);
      for (const int8_t* end = x + (kGrouped ? at_most(left, kGroup) : left); x < end; x += 16) {
        int8x16_t x16[kTileRows];
#pragma GCC unroll 8
        for (int row = 0; row < kTileRows; ++row) x16[row] = vld1q_s8(x + row * x_stride);
        multiply_lane<0>(totals, x16, weights);
        multiply_lane<1>(totals, x16, weights);
        multiply_lane<2>(totals, x16, weights);
        multiply_lane<3>(totals, x16, weights);
        weights += 16 * kPanelChannels;
      }
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) {
        const int32x4_t by = kGrouped ? vld1q_s32(multipliers + 4 * i) : vdupq_n_s32(1);
#pragma GCC unroll 8
        for (int row = 0; row < kTileRows; ++row) {
          int32_t* sum = sums + row * kPanelChannels + 4 * i;
          if constexpr (!kGrouped) vst1q_s32(sum, totals[row][i]);
          else if (first) vst1q_s32(sum, vmulq_s32(totals[row][i], by));
          else vst1q_s32(sum, vmlaq_s32(vld1q_s32(sum), totals[row][i], by));
        }
      }
      multipliers += kPanelChannels;
      first = false;
    }
  }

  template <int kLane, int kTileRows, int kVectors>
  static void multiply_lane(int32x4_t (&totals)[kTileRows][kVectors], const int8x16_t* x16, const int8_t* weights) {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) {
      const int8x16_t w = vld1q_s8(weights + kLane * 4 * kPanelChannels + 16 * i);
#pragma GCC unroll 8
      for (int row = 0; row < kTileRows; ++row) {
        totals[row][i] = vdotq_laneq_s32(totals[row][i], w, x16[row], kLane);
      }
    }
  }
};

}  // namespace
}  // namespace mica::simd
