// Integer matrix products at level neon_i8mm: smmla, 32 products an instruction, of two rows with two channels over eight
// inputs. Not the loops around it: neon/gemm_tiles_inl.hpp.
#pragma once

#include "neon/gemm_tiles_inl.hpp"
#include "neon_dotprod/dot_tile_inl.hpp"

namespace mica::simd {
namespace {

// Twelve rows by half a panel: 24 accumulators of two rows by two channels, four registers of weights and the rest for
// activations, of which two rows lie side by side.
template <size_t kGroup>
struct PairTile {
  static constexpr size_t kRows = 12;
  static constexpr bool kPaired = true;
  // Four panels of 384 inputs (24 KB) and the sums of 96 rows that pass (24 KB): processors with smmla have level 1
  // caches of 64 KB. More than with sdot, as a tile has half of the instructions, and what is around it as many.
  static constexpr size_t kBlockRows = 96, kBlockInputs = 384;
  static constexpr bool kGrouped = kGroup > 0;
  static constexpr int kVectors = 4;  // of two channels

  // [8 inputs][pair of rows][row][8]. A row without a second one stands for it: nothing is kept of that.
  static void pair(int8_t* to, const int8_t* x, size_t x_stride, size_t rows, size_t inputs) {
    const size_t pairs = (rows + 1) / 2;
    for (size_t row = 0; row < rows; row += 2, to += 16) {
      const int8_t* first = x + row * x_stride;
      const int8_t* second = row + 1 < rows ? first + x_stride : first;
      int8_t* out = to;
      for (size_t input = 0; input < inputs; input += 32)
#pragma GCC unroll 2
        for (size_t half = 0; half < 32; half += 16, out += 32 * pairs) {
          const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(first + input + half));
          const int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(second + input + half));
          vst1q_s8(out, vreinterpretq_s8_s64(vzip1q_s64(a, b)));
          vst1q_s8(out + 16 * pairs, vreinterpretq_s8_s64(vzip2q_s64(a, b)));
        }
    }
  }

  template <int kTileRows>
  static void multiply(const int8_t* x, size_t, const int8_t* weights, const int32_t* multipliers, size_t inputs,
                       bool first, int32_t* sums) {
    for (size_t half = 0; half < kPanelChannels; half += 8)
      multiply_half<kTileRows>(x, weights + 8 * half, multipliers + half, inputs, first, sums + half);
  }

  template <int kTileRows>
  [[gnu::noinline]] static void multiply_half(const int8_t* x, const int8_t* weights,
                                              [[maybe_unused]] const int32_t* multipliers, size_t inputs, bool first,
                                              int32_t* sums) {
    constexpr int kPairs = (kTileRows + 1) / 2;
    int32x4_t totals[kPairs][kVectors];
#pragma GCC unroll 6
    for (int pair = 0; pair < kPairs; ++pair)
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) totals[pair][i] = vdupq_n_s32(0);
    int32x4_t scaled[kGrouped ? kPairs : 1][kVectors] = {};
    const int8_t* const x_end = x + inputs * 2 * kPairs;
    for (; x < x_end; multipliers += kPanelChannels) {
      const auto left = static_cast<size_t>(x_end - x);
      const int8_t* const end = x + (kGrouped ? at_most(left, kGroup * 2 * kPairs) : left);
      for (; x < end; x += 16 * kPairs, weights += 8 * kPanelChannels) multiply_step<kPairs>(totals, x, weights);
      if constexpr (kGrouped) add_scaled<kPairs>(scaled, totals, multipliers);
    }
    if constexpr (kGrouped) store<kTileRows>(scaled, first, sums);
    else store<kTileRows>(totals, first, sums);
  }

  // Through memory: the registers are those of totals.
  template <int kPairs>
  [[gnu::always_inline]] static void add_scaled(int32x4_t (&scaled)[kPairs][kVectors],
                                                const int32x4_t (&totals)[kPairs][kVectors],
                                                const int32_t* multipliers) {
    int32x4_t by[kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) {
      const int32x2_t two = vld1_s32(multipliers + 2 * i);
      by[i] = vcombine_s32(two, two);
    }
#pragma GCC unroll 6
    for (int pair = 0; pair < kPairs; ++pair) {
      asm volatile("" : "+m"(scaled[pair]));
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) scaled[pair][i] = vmlaq_s32(scaled[pair][i], totals[pair][i], by[i]);
      asm volatile("" : "+m"(scaled[pair]));
    }
  }

  template <int kPairs>
  [[gnu::always_inline]] static void multiply_step(int32x4_t (&totals)[kPairs][kVectors], const int8_t* x,
                                                   const int8_t* weights) {
    int8x16_t w[kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) w[i] = vld1q_s8(weights + 16 * i);
#pragma GCC unroll 6
    for (int pair = 0; pair < kPairs; ++pair) {
      const int8x16_t two = vld1q_s8(x + 16 * pair);
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) totals[pair][i] = vmmlaq_s32(totals[pair][i], two, w[i]);
      // What is loaded next comes after this: all rows at once would need more registers than there are.
      if (pair % 2 == 1 || pair + 1 == kPairs) hold_pairs(totals[pair], totals[pair - pair % 2]);
    }
  }
  [[gnu::always_inline]] static void hold_pairs(int32x4_t* a, int32x4_t* b) {
    asm volatile("" : "+w"(a[0]), "+w"(a[1]), "+w"(a[2]), "+w"(a[3])::"memory");
    if (a != b) asm volatile("" : "+w"(b[0]), "+w"(b[1]), "+w"(b[2]), "+w"(b[3])::"memory");
  }

  // Rows of four channels each, of two by two.
  template <int kTileRows>
  static void store(const int32x4_t (&totals)[(kTileRows + 1) / 2][kVectors], bool first, int32_t* sums) {
#pragma GCC unroll 12
    for (int row = 0; row < kTileRows; ++row)
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; i += 2) {
        const int64x2_t near = vreinterpretq_s64_s32(totals[row / 2][i]);
        const int64x2_t far = vreinterpretq_s64_s32(totals[row / 2][i + 1]);
        const int32x4_t four = vreinterpretq_s32_s64(row % 2 == 0 ? vzip1q_s64(near, far) : vzip2q_s64(near, far));
        int32_t* sum = sums + row * static_cast<int>(kPanelChannels) + 2 * i;
        vst1q_s32(sum, first ? four : vaddq_s32(vld1q_s32(sum), four));
      }
  }
};

// Bytes as they lie, of eight inputs.
struct BytePairWeights {
  static constexpr PanelFormat kFormat = PanelFormat::s8;
  static constexpr int kVectors = 2;
  explicit BytePairWeights(const int8_t*) {}
  void unpack(const uint8_t* block, int quarter, int8x16_t* to) const {
    to[0] = vreinterpretq_s8_u8(vld1q_u8(block + 16 * quarter));
    to[1] = vreinterpretq_s8_u8(vld1q_u8(block + 64 + 16 * quarter));
  }
};

// Few rows, whose time is that of memory, are multiplied by sdot: a row alone would use half of smmla.
template <class Weights, class StreamWeights = Weights>
struct MatrixCore : ArmCore<PairTile<kFactsOf<Weights::kFormat>.group>, Weights> {
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& panel, size_t inputs, int32_t* sums) {
    using Stream = ArmCore<DotTile<kFactsOf<Weights::kFormat>.group>, StreamWeights>;
    Stream::template stream<kStreamRows>(x, x_stride, panel, inputs, sums);
  }
};

template <>
struct LevelCore<PanelFormat::u4> : MatrixCore<NibbleWeights> {};
template <>
struct LevelCore<PanelFormat::s8> : MatrixCore<BytePairWeights, ByteWeights> {};
template <>
struct LevelCore<PanelFormat::t4> : MatrixCore<LevelWeights> {};
template <>
struct LevelCore<PanelFormat::t3> : MatrixCore<ThreeBitWeights> {};
template <>
struct LevelCore<PanelFormat::p2> : MatrixCore<PairWeights> {};
template <>
struct LevelCore<PanelFormat::e8p> : MatrixCore<LatticeWeights> {};

}  // namespace
}  // namespace mica::simd
