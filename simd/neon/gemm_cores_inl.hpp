// Integer matrix products at level neon (ARMv8.0, no dot product): smull and smlal, 8 products an instruction. Not the
// loops around them: gemm_driver_inl.hpp.
//
// Products of weights of 4 bits and fewer are at most 21 * 127, so eight of them add up exactly in 16 bits (21336)
// before they are widened; of 8-bit weights two do (2 * 128 * 127 = 32512).
#pragma once

#include "neon/gemm_tiles_inl.hpp"

namespace mica::simd {
namespace {

// Half a panel: 8 channels, in four accumulators of 2 channels by 4 inputs. kWordSteps groups of 4 inputs are added in
// 16 bits.
template <int kWordSteps, size_t kGroup>
struct NeonTile {
  static constexpr size_t kRows = 4;
  static constexpr bool kPaired = false;
  static constexpr size_t kBlockRows = kArmBlockRows, kBlockInputs = kArmBlockInputs;

  template <int kTileRows>
  static void multiply(const int8_t* x, size_t x_stride, const int8_t* weights, const int32_t* multipliers,
                       size_t inputs, bool first, int32_t* sums) {
    for (size_t half = 0; half < kPanelChannels; half += 8)
      multiply_half<kTileRows>(x, x_stride, weights + 4 * half, multipliers + half, inputs, first, sums + half);
  }

  template <int kTileRows>
  static void multiply_half(const int8_t* x, size_t x_stride, const int8_t* weights,
                            [[maybe_unused]] const int32_t* multipliers, size_t inputs, bool first, int32_t* sums) {
    int32x4_t totals[kTileRows][4];
    for (int row = 0; row < kTileRows; ++row)
      for (int i = 0; i < 4; ++i) totals[row][i] = vdupq_n_s32(0);
    for (size_t input = 0; input < inputs; input += 4 * kWordSteps) {
      int16x8_t words[kTileRows][4];
      for (int step = 0; step < kWordSteps; ++step, x += 4, weights += 4 * kPanelChannels) {
        const int8x16_t w0 = vld1q_s8(weights), w1 = vld1q_s8(weights + 16);
#pragma GCC unroll 4
        for (int row = 0; row < kTileRows; ++row) {
          const int8x16_t x4 = broadcast_4(x + row * x_stride);
          if (step == 0) {
            words[row][0] = vmull_s8(vget_low_s8(w0), vget_low_s8(x4));
            words[row][1] = vmull_high_s8(w0, x4);
            words[row][2] = vmull_s8(vget_low_s8(w1), vget_low_s8(x4));
            words[row][3] = vmull_high_s8(w1, x4);
          } else {
            words[row][0] = vmlal_s8(words[row][0], vget_low_s8(w0), vget_low_s8(x4));
            words[row][1] = vmlal_high_s8(words[row][1], w0, x4);
            words[row][2] = vmlal_s8(words[row][2], vget_low_s8(w1), vget_low_s8(x4));
            words[row][3] = vmlal_high_s8(words[row][3], w1, x4);
          }
        }
      }
#pragma GCC unroll 4
      for (int row = 0; row < kTileRows; ++row)
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) totals[row][i] = vpadalq_s16(totals[row][i], words[row][i]);
      const size_t done = input + 4 * kWordSteps;
      if (done < inputs && (kGroup == 0 || done % kGroup != 0)) continue;
      add_totals<kTileRows>(totals, multipliers, first && done <= (kGroup > 0 ? kGroup : inputs), sums);
      multipliers += kPanelChannels;
    }
  }

  template <int kTileRows>
  static void add_totals(int32x4_t (&totals)[kTileRows][4], [[maybe_unused]] const int32_t* multipliers, bool first,
                         int32_t* sums) {
    for (int row = 0; row < kTileRows; ++row)
      for (int i = 0; i < 4; i += 2) {
        int32_t* sum = sums + row * kPanelChannels + i * 2;
        int32x4_t pairs = vpaddq_s32(totals[row][i], totals[row][i + 1]);
        if constexpr (kGroup > 0) pairs = vmulq_s32(pairs, vld1q_s32(multipliers + i * 2));
        vst1q_s32(sum, first ? pairs : vaddq_s32(vld1q_s32(sum), pairs));
      }
  }
};

template <>
struct LevelCore<PanelFormat::u4> : ArmCore<NeonTile<8, 0>, NibbleWeights> {};
template <>
struct LevelCore<PanelFormat::s8> : ArmCore<NeonTile<2, 0>, ByteWeights> {};
template <>
struct LevelCore<PanelFormat::t4> : ArmCore<NeonTile<8, kFactsOf<PanelFormat::t4>.group>, LevelWeights> {};
template <>
struct LevelCore<PanelFormat::t3> : ArmCore<NeonTile<8, 0>, ThreeBitWeights> {};
template <>
struct LevelCore<PanelFormat::p2> : ArmCore<NeonTile<8, 0>, PairWeights> {};
template <>
struct LevelCore<PanelFormat::e8p> : ArmCore<NeonTile<8, 0>, LatticeWeights> {};

}  // namespace
}  // namespace mica::simd
