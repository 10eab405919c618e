// Integer matrix products at level neon_dotprod: sdot, 16 products an instruction. Not the loops around it:
// gemm_driver_inl.hpp.
#pragma once

#include "neon/gemm_tiles_inl.hpp"

namespace mica::simd {
namespace {

// Sixteen channels in four accumulators a row; each sdot takes four inputs of a row from one lane.
struct DotTile {
  template <int kTileRows>
  static void multiply(const int8_t* x, size_t x_stride, const int8_t* weights, size_t inputs, bool first,
                       int32_t* sums) {
    int32x4_t totals[kTileRows][4];
#pragma GCC unroll 4
    for (int row = 0; row < kTileRows; ++row)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i)
        totals[row][i] = first ? vdupq_n_s32(0) : vld1q_s32(sums + row * kPanelChannels + 4 * i);
    for (size_t input = 0; input < inputs; input += 16, x += 16, weights += 16 * kPanelChannels) {
      int8x16_t x16[kTileRows];
#pragma GCC unroll 4
      for (int row = 0; row < kTileRows; ++row) x16[row] = vld1q_s8(x + row * x_stride);
      multiply_lane<0, kTileRows>(totals, x16, weights);
      multiply_lane<1, kTileRows>(totals, x16, weights);
      multiply_lane<2, kTileRows>(totals, x16, weights);
      multiply_lane<3, kTileRows>(totals, x16, weights);
    }
#pragma GCC unroll 4
    for (int row = 0; row < kTileRows; ++row)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) vst1q_s32(sums + row * kPanelChannels + 4 * i, totals[row][i]);
  }

  template <int kLane, int kTileRows>
  static void multiply_lane(int32x4_t (&totals)[kTileRows][4], const int8x16_t* x16, const int8_t* weights) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int8x16_t w = vld1q_s8(weights + kLane * 4 * kPanelChannels + 16 * i);
#pragma GCC unroll 4
      for (int row = 0; row < kTileRows; ++row) totals[row][i] = vdotq_laneq_s32(totals[row][i], w, x16[row], kLane);
    }
  }
};

template <>
struct LevelCore<PanelFormat::u4> : ArmCore<DotTile, NibbleWeights> {};
template <>
struct LevelCore<PanelFormat::s8> : ArmCore<DotTile, ByteWeights> {};
template <>
struct LevelCore<PanelFormat::t4> : ArmCore<DotTile, LevelWeights> {};
template <>
struct LevelCore<PanelFormat::t3> : ArmCore<DotTile, ThreeBitWeights> {};
template <>
struct LevelCore<PanelFormat::p2> : ArmCore<DotTile, PairWeights> {};

}  // namespace
}  // namespace mica::simd
