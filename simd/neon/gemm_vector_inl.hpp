// What the integer products share at both levels of ARM: vectors of four floats for gemm_epilogue_inl.hpp, unpacking of
// nibbles, and the blocks around a tile. Not a product.
#pragma once

#include <arm_neon.h>

#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

struct Neon {
  using Float = float32x4_t;
  static constexpr size_t kLanes = 4;

  static Float load(const float* from) { return vld1q_f32(from); }
  static Float broadcast(float value) { return vdupq_n_f32(value); }
  static Float add(Float a, Float b) { return vaddq_f32(a, b); }
  static Float mul(Float a, Float b) { return vmulq_f32(a, b); }
  static void store(float* to, Float a) { vst1q_f32(to, a); }
  static Float to_float(const int32_t* sums, int32_t excess) {
    return vcvtq_f32_s32(vsubq_s32(vld1q_s32(sums), vdupq_n_s32(excess)));
  }

  // 16 values, rounded and clamped, to int8; returns their sum. Selecting, unlike vmaxq, makes a NaN the lower bound.
  static int32_t store_quantized(int8_t* to, const Float* values) {
    const Float low = vdupq_n_f32(-127.0f), high = vdupq_n_f32(127.0f);
    int16x4_t words[4];
    for (int i = 0; i < 4; ++i) {
      const Float above = vbslq_f32(vcgtq_f32(values[i], low), values[i], low);
      words[i] = vmovn_s32(vcvtnq_s32_f32(vbslq_f32(vcltq_f32(above, high), above, high)));
    }
    const int8x16_t bytes = vcombine_s8(vmovn_s16(vcombine_s16(words[0], words[1])),
                                        vmovn_s16(vcombine_s16(words[2], words[3])));
    vst1q_s8(to, bytes);
    return vaddlvq_s8(bytes);
  }
};

// 64 bytes of a panel of nibbles to 128 signed weights: inputs 0-3 of 16 channels, then inputs 4-7.
inline void unpack_nibbles(const uint8_t* block, int8x16_t* to) {
  for (int i = 0; i < 4; ++i) {
    const uint8x16_t both = vld1q_u8(block + 16 * i);
    to[i] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15))), vdupq_n_s8(8));
    to[4 + i] = vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(both, 4)), vdupq_n_s8(8));
  }
}

// Many of them: `inputs` inputs of a panel to 16 * inputs signed weights, [4 inputs][channel][4].
inline void unpack_panel(int8_t* to, const uint8_t* panel, size_t inputs) {
  for (size_t input = 0; input < inputs; input += 8, panel += 64, to += 128) {
    int8x16_t weights[8];
    unpack_nibbles(panel, weights);
    for (int i = 0; i < 8; ++i) vst1q_s8(to + 16 * i, weights[i]);
  }
}

// Ahead of the load: an access to memory takes 150 to 200 ns on the boards we know, at 4 to 10 GB/s.
inline void prefetch_panel(const uint8_t* panel) { __builtin_prefetch(panel + 1024); }

// What both levels do around their tiles. Tile has:
//   template <int rows> static void multiply(x, x_stride, weights, inputs, first, sums): sets sums[rows][16] to the
//     products of 1 to 4 rows with signed weights, [inputs / 4][channel][4], for a multiple of 32 inputs, or, where
//     these are not the first inputs, adds them.
template <class Tile, bool kNibbles>
struct ArmCore {
  static constexpr int32_t kOffset = 0;
  static constexpr size_t kInputBytes = kNibbles ? kPanelChannels / 2 : kPanelChannels;
  // Four panels of 256 inputs (16 KB) and the sums of 32 rows (8 KB) in a level 1 cache of 32 KB.
  static constexpr size_t kRows = 32, kPanels = 4, kInputs = 256;

  static void multiply(const Block& block) {
    alignas(64) int8_t unpacked[kNibbles ? kPanels * kInputs * kPanelChannels : 1];
    const int8_t* weights[kPanels];
    for (size_t panel = 0; panel < block.panel_count; ++panel) {
      const uint8_t* from = block.panels + panel * block.panel_stride;
      weights[panel] = kNibbles ? unpacked + panel * kInputs * kPanelChannels : reinterpret_cast<const int8_t*>(from);
      if constexpr (kNibbles) unpack_panel(unpacked + panel * kInputs * kPanelChannels, from, block.inputs);
    }
    for (size_t row = 0; row < block.rows; row += 4)
      for (size_t panel = 0; panel < block.panel_count; ++panel)
        with_rows<4>(at_most(block.rows - row, 4), [&]<int kTileRows>() {
          Tile::template multiply<kTileRows>(block.x + row * block.x_stride, block.x_stride, weights[panel],
                                             block.inputs, block.first,
                                             block.sums + (panel * kRows + row) * kPanelChannels);
        });
  }

  // One to four rows: the panel passes through a small buffer of the level 1 cache, so that one tile serves both ways.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const uint8_t* panel, size_t inputs, int32_t* sums) {
    constexpr size_t kPartInputs = 128;
    alignas(64) int8_t unpacked[kNibbles ? kPartInputs * kPanelChannels : 1];
    for (size_t input = 0; input < inputs; input += kPartInputs) {
      const size_t part = at_most(inputs - input, kPartInputs);
      const uint8_t* from = panel + input * kInputBytes;
      for (size_t byte = 0; byte < part * kInputBytes; byte += 64) prefetch_panel(from + byte);
      if constexpr (kNibbles) unpack_panel(unpacked, from, part);
      Tile::template multiply<kStreamRows>(x + input, x_stride,
                                           kNibbles ? unpacked : reinterpret_cast<const int8_t*>(from), part,
                                           input == 0, sums);
    }
  }
};

}  // namespace
}  // namespace mica::simd
