// What the integer products share at all levels of ARM: unpacking of formats, and the blocks around a tile. Not a
// product.
#pragma once

#include <vector.hpp>

#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// How a quarter of a block, four channels, becomes kVectors vectors of signed bytes, [channel][4 inputs] each.
struct NibbleWeights {
  static constexpr PanelFormat kFormat = PanelFormat::u4;
  static constexpr int kVectors = 2;
  explicit NibbleWeights(const int8_t*) {}
  void unpack(const uint8_t* block, int quarter, int8x16_t* to) const {
    const uint8x16_t both = vld1q_u8(block + 16 * quarter);
    to[0] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15))), vdupq_n_s8(8));
    to[1] = vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(both, 4)), vdupq_n_s8(8));
  }
};

struct LevelWeights {
  static constexpr PanelFormat kFormat = PanelFormat::t4;
  static constexpr int kVectors = 2;
  explicit LevelWeights(const int8_t* levels) : table(vld1q_s8(levels)) {}
  void unpack(const uint8_t* block, int quarter, int8x16_t* to) const {
    const uint8x16_t both = vld1q_u8(block + 16 * quarter);
    to[0] = vqtbl1q_s8(table, vandq_u8(both, vdupq_n_u8(15)));
    to[1] = vqtbl1q_s8(table, vshrq_n_u8(both, 4));
  }
  int8x16_t table;
};

struct PairWeights {
  static constexpr PanelFormat kFormat = PanelFormat::p2;
  static constexpr int kVectors = 4;
  explicit PairWeights(const int8_t* levels) : first(vld1q_s8(levels)), second(vld1q_s8(levels + 16)) {}
  void unpack(const uint8_t* block, int quarter, int8x16_t* to) const {
    const uint8x16_t both = vld1q_u8(block + 16 * quarter);
    const uint8x16_t low = vandq_u8(both, vdupq_n_u8(15)), high = vshrq_n_u8(both, 4);
    to[0] = vqtbl1q_s8(first, low);
    to[1] = vqtbl1q_s8(second, low);
    to[2] = vqtbl1q_s8(first, high);
    to[3] = vqtbl1q_s8(second, high);
  }
  int8x16_t first, second;
};

struct ThreeBitWeights {
  static constexpr PanelFormat kFormat = PanelFormat::t3;
  static constexpr int kVectors = 8;
  explicit ThreeBitWeights(const int8_t* levels) : table(vcombine_s8(vld1_s8(levels), vld1_s8(levels))) {}
  void unpack(const uint8_t* block, int quarter, int8x16_t* to) const {
    const uint8x16_t high = vld1q_u8(block + 128 + 16 * quarter);
    for (int i = 0; i < kVectors; ++i) {
      const uint8x16_t low = vld1q_u8(block + i / 4 * 64 + 16 * quarter);
      const uint8x16_t two = vandq_u8(vshlq_u8(low, vdupq_n_s8(static_cast<int8_t>(-(i % 4 * 2)))), vdupq_n_u8(3));
      const uint8x16_t third = vandq_u8(vshlq_u8(high, vdupq_n_s8(static_cast<int8_t>(2 - i))), vdupq_n_u8(4));
      to[i] = vqtbl1q_s8(table, vorrq_u8(two, third));
    }
  }
  int8x16_t table;
};

// Patterns are loaded one by one, since no table look-up has 256 entries.
struct LatticeWeights {
  static constexpr PanelFormat kFormat = PanelFormat::e8p;
  static constexpr int kVectors = 4;
  explicit LatticeWeights(const int8_t*) {}
  void unpack(const uint8_t* block, int quarter, int8x16_t* to) const {
    const uint8_t* codes = block + 32 * (quarter / 2);
    const uint8x16_t stored = vld1q_u8(codes + 16), seven = vandq_u8(stored, vdupq_n_u8(127));
    const uint8x16_t signs = vorrq_u8(seven, vshlq_n_u8(vcntq_u8(seven), 7));
    const int8x16_t shifts = vreinterpretq_s8_u8(vsubq_u8(vdupq_n_u8(1), vshlq_n_u8(vshrq_n_u8(stored, 7), 1)));
    for (int vector = 0; vector < 2; ++vector) {
      const int first = 8 * vector + 4 * (quarter % 2);
      const int32x4_t near = vreinterpretq_s32_s8(two(codes, signs, shifts, first));
      const int32x4_t far = vreinterpretq_s32_s8(two(codes, signs, shifts, first + 2));
      to[2 * vector] = vreinterpretq_s8_s32(vuzp1q_s32(near, far));
      to[2 * vector + 1] = vreinterpretq_s8_s32(vuzp2q_s32(near, far));
    }
  }

 private:
  // The codes `first` and the next.
  static int8x16_t two(const uint8_t* patterns, uint8x16_t signs, int8x16_t shifts, int first) {
    const int8x16_t twice = vreinterpretq_s8_u64(
        vcombine_u64(vcreate_u64(kE8p.patterns[patterns[first]]), vcreate_u64(kE8p.patterns[patterns[first + 1]])));
    const uint8x16_t bits = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    const uint8x16_t from =
        vcombine_u8(vdup_n_u8(static_cast<uint8_t>(first)), vdup_n_u8(static_cast<uint8_t>(first + 1)));
    const int8x16_t negative = vreinterpretq_s8_u8(vtstq_u8(vqtbl1q_u8(signs, from), bits));
    return vaddq_s8(vsubq_s8(veorq_s8(twice, negative), negative), vqtbl1q_s8(shifts, from));
  }
};

// Bytes are used as they lie.
struct ByteWeights {
  static constexpr PanelFormat kFormat = PanelFormat::s8;
};

// `inputs` inputs of a panel to 16 * inputs signed weights, [4 inputs][channel][4] or, for tiles that take them in pairs,
// [8 inputs][channel][8].
template <class Weights, bool kPaired>
void unpack_panel(int8_t* to, const uint8_t* blocks, const int8_t* levels, size_t inputs) {
  constexpr int kVectors = Weights::kVectors;
  const Weights weights(levels);
  for (size_t input = 0; input < inputs; input += 4 * kVectors, to += 64 * kVectors) {
    for (int quarter = 0; quarter < 4; ++quarter) {
      int8x16_t vectors[kVectors];
      weights.unpack(blocks, quarter, vectors);
      if constexpr (kPaired) {
        for (int i = 0; i < kVectors; i += 2) {
          const int32x4_t near = vreinterpretq_s32_s8(vectors[i]), far = vreinterpretq_s32_s8(vectors[i + 1]);
          vst1q_s8(to + 64 * i + 32 * quarter, vreinterpretq_s8_s32(vzip1q_s32(near, far)));
          vst1q_s8(to + 64 * i + 32 * quarter + 16, vreinterpretq_s8_s32(vzip2q_s32(near, far)));
        }
      } else {
        for (int i = 0; i < kVectors; ++i) vst1q_s8(to + 64 * i + 16 * quarter, vectors[i]);
      }
    }
    blocks += 4 * kVectors * kInputBytes<Weights::kFormat>;
  }
}

// By what the sums of the groups of `inputs` inputs are multiplied, [group][channel]. A tile's sums run on from group
// to group, so that none begins anew: s1 m1 + s2 m2 = s1 (m1 - m2) + (s1 + s2) m2.
inline void unpack_multipliers(int32_t* to, const uint8_t* groups, size_t inputs) {
  constexpr size_t kGroup = kFactsOf<PanelFormat::t4>.group;
  for (size_t input = 0; input < inputs; input += kGroup, groups += kGroupBytes, to += kPanelChannels) {
    const uint8x8_t both = vld1_u8(groups);
    const uint16x8_t halves[2] = {vmovl_u8(vand_u8(both, vdup_n_u8(15))), vmovl_u8(vshr_n_u8(both, 4))};
    for (size_t i = 0; i < kPanelChannels; i += 4) {
      const uint16x4_t words = i % 8 == 0 ? vget_low_u16(halves[i / 8]) : vget_high_u16(halves[i / 8]);
      const int32x4_t multipliers = vreinterpretq_s32_u32(vmovl_u16(words));
      vst1q_s32(to + i, multipliers);
      if (input > 0) vst1q_s32(to + i - kPanelChannels, vsubq_s32(vld1q_s32(to + i - kPanelChannels), multipliers));
    }
  }
}

// Ahead of the load: an access to memory takes 150 to 200 ns on the boards we know, at 4 to 10 GB/s.
inline void prefetch_panel(const uint8_t* panel) { __builtin_prefetch(panel + 1024); }

// As on x86; no board was measured with others.
constexpr GemmGeometry kArmGeometry = {
    .stream_rows = 4, .stream_bytes_min = 128u << 10, .stream_bytes_max = 1u << 20, .block_panels = 2};

// Rows and inputs of a block: four panels of 256 inputs (16 KB) and the sums of 48 rows (12 KB) in a level 1 cache of 32
// KB.
constexpr size_t kArmBlockRows = 48, kArmBlockInputs = 256;

// What levels do around their tiles, of four panels by Tile::kBlockRows by Tile::kBlockInputs. Tile has kRows, and
//   template <int rows> static void multiply(x, x_stride, weights, multipliers, inputs, first, sums): sets
//     sums[rows][16] to the products of 1 to kRows rows with signed weights, [inputs / 4][channel][4], for a multiple
//     of 32 inputs, or, where these are not the first inputs, adds them. `multipliers`, of formats with groups: what
//     unpack_multipliers makes.
//   kPaired: whether weights are [inputs / 8][channel][8], and rows what
//   static void pair(to, x, x_stride, rows, inputs) makes of them, in as many bytes, of a row more if they are odd.
template <class Tile, class Weights>
struct ArmCore {
  static constexpr int32_t kOffset = 0;
  static constexpr GemmGeometry kGeometry = kArmGeometry;
  static constexpr PanelFormat kFormat = Weights::kFormat;
  static constexpr bool kPaired = Tile::kPaired;
  static constexpr bool kUnpacks = kFormat != PanelFormat::s8 || kPaired;
  static constexpr size_t kGroup = kFactsOf<kFormat>.group;
  static constexpr size_t kPanelInputBytes = kInputBytes<kFormat>;
  static constexpr size_t kRows = Tile::kBlockRows, kPanels = 4, kInputs = Tile::kBlockInputs;
  static constexpr size_t kMultipliers = (kGroup > 0 ? kInputs / kGroup : 1) * kPanelChannels;

  // Of a panel's part: where its signed weights are, unpacked to `to` if they have to be.
  static const int8_t* unpacked(int8_t* to, const uint8_t* blocks, const int8_t* levels, size_t inputs) {
    if constexpr (!kUnpacks) return reinterpret_cast<const int8_t*>(blocks);
    else unpack_panel<Weights, kPaired>(to, blocks, levels, inputs);
    return to;
  }

  static void multiply(const Block& block) {
    alignas(64) int8_t wide[kUnpacks ? kPanels * kInputs * kPanelChannels : 1];
    alignas(64) int32_t multipliers[kPanels][kMultipliers];
    const int8_t* weights[kPanels];
    for (size_t panel = 0; panel < block.panel_count; ++panel) {
      weights[panel] = unpacked(kUnpacks ? wide + panel * kInputs * kPanelChannels : wide,
                                block.panels + panel * block.panel_stride, block.levels, block.inputs);
      if constexpr (kGroup > 0)
        unpack_multipliers(multipliers[panel], block.multipliers + panel * block.panel_stride, block.inputs);
    }
    alignas(64) int8_t pairs[kPaired ? Tile::kRows * kInputs : 1];
    for (size_t row = 0; row < block.rows; row += Tile::kRows) {
      const size_t rows = at_most(block.rows - row, Tile::kRows);
      const int8_t* x = block.x + row * block.x_stride;
      if constexpr (kPaired) Tile::pair(pairs, x, block.x_stride, rows, block.inputs);
      for (size_t panel = 0; panel < block.panel_count; ++panel)
        with_rows<Tile::kRows>(rows, [&]<int kTileRows>() {
          Tile::template multiply<kTileRows>(kPaired ? pairs : x, block.x_stride, weights[panel], multipliers[panel],
                                             block.inputs, block.first,
                                             block.sums + (panel * kRows + row) * kPanelChannels);
        });
    }
  }

  // One to four rows: the panel passes through a small buffer of the level 1 cache, so that one tile serves both ways.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& panel, size_t inputs, int32_t* sums) {
    constexpr size_t kPartInputs = 128;
    alignas(64) int8_t wide[kUnpacks ? kPartInputs * kPanelChannels : 1];
    alignas(64) int32_t multipliers[kMultipliers];
    for (size_t input = 0; input < inputs; input += kPartInputs) {
      const size_t part = at_most(inputs - input, kPartInputs);
      const uint8_t* from = panel.blocks + input * kPanelInputBytes;
      for (size_t byte = 0; byte < part * kPanelInputBytes; byte += 64) prefetch_panel(from + byte);
      if constexpr (kGroup > 0) unpack_multipliers(multipliers, panel.multipliers + input / kGroup * kGroupBytes, part);
      Tile::template multiply<kStreamRows>(x + input, x_stride, unpacked(wide, from, panel.levels, part), multipliers,
                                           part, input == 0, sums);
    }
  }
};

}  // namespace
}  // namespace mica::simd
