// 8-bit weights times int8 activations with vpmaddwd: 16 products an instruction. Not the loops around it:
// gemm_driver_inl.hpp.
//
// vpmaddubsw would saturate (2 * 128 * 127 in 16 bits), and splitting weights into nibbles, or moving signs to one side
// to avoid it, takes as many instructions for as many products; so both sides are widened to 16 bits, once for many
// uses, and pairs of products are added in 32 bits.
#pragma once

#include <vector.hpp>

#include "avx2/gemm_stream_inl.hpp"
#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// Two vectors of (channel, input pair) sums to the eight channels' sums in order.
inline __m256i add_pairs(__m256i channels_0_3, __m256i channels_4_7) {
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(channels_0_3, channels_4_7), 0xD8);
}

template <>
struct LevelCore<PanelFormat::s8> {
  static constexpr int32_t kOffset = 0;
  static constexpr GemmGeometry kGeometry = kX86Geometry;
  // Widened: 24 rows of 256 activations (12 KB) and one panel (8 KB), which fit a level 1 cache with the sums (6 KB).
  static constexpr size_t kRows = 24, kPanels = 4, kInputs = 256;

  static void widen(int16_t* to, const void* from, size_t count) {
    for (size_t i = 0; i < count; i += 16)
      store_256(to + i, _mm256_cvtepi8_epi16(_mm_loadu_si128(
                            reinterpret_cast<const __m128i*>(static_cast<const int8_t*>(from) + i))));
  }

  // Up to six rows by 8 channels: twelve accumulators of 4 channels by 2 input pairs.
  template <int kTileRows>
  [[gnu::noinline]] static void multiply_tile(const int16_t* x, const int16_t* weights, size_t inputs, bool first,
                                              int32_t* sums) {
    __m256i totals[kTileRows][2];
#pragma GCC unroll 8
    for (int row = 0; row < kTileRows; ++row) totals[row][0] = totals[row][1] = _mm256_setzero_si256();
    for (size_t input = 0; input < inputs; input += 4, x += 4, weights += 4 * kPanelChannels) {
      const __m256i w0 = load_256(weights);
      const __m256i w1 = load_256(weights + 16);
#pragma GCC unroll 8
      for (int row = 0; row < kTileRows; ++row) {
        int64_t four;
        __builtin_memcpy(&four, x + row * kInputs, 8);
        const __m256i x4 = _mm256_set1_epi64x(four);
        totals[row][0] = _mm256_add_epi32(totals[row][0], _mm256_madd_epi16(w0, x4));
        totals[row][1] = _mm256_add_epi32(totals[row][1], _mm256_madd_epi16(w1, x4));
        hold(totals[row][0]);
        hold(totals[row][1]);
      }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kTileRows; ++row) {
      int32_t* sum = sums + row * kPanelChannels;
      const __m256i pairs = add_pairs(totals[row][0], totals[row][1]);
      store_256(sum, first ? pairs : _mm256_add_epi32(load_256(sum), pairs));
    }
  }

  static void multiply(const Block& block) {
    alignas(64) int16_t x[kRows * kInputs];
    alignas(64) int16_t weights[kInputs * kPanelChannels];
    for (size_t row = 0; row < block.rows; ++row)
      widen(x + row * kInputs, block.x + row * block.x_stride, block.inputs);
    for (size_t panel = 0; panel < block.panel_count; ++panel) {
      widen(weights, block.panels + panel * block.panel_stride, block.inputs * kPanelChannels);
      for (size_t row = 0; row < block.rows; row += 6)
        for (size_t half = 0; half < kPanelChannels; half += 8)
          with_rows<6>(at_most(block.rows - row, 6), [&]<int kTileRows>() {
            multiply_tile<kTileRows>(x + row * kInputs, weights + half * 4, block.inputs, block.first,
                                     block.sums + (panel * kRows + row) * kPanelChannels + half);
          });
    }
  }

  // One or two rows straight from the panel, over `inputs` inputs; sums are set by the first, else added to.
  template <int kStreamRows>
  static void stream_part(const int8_t* x, size_t x_stride, const uint8_t* panel, size_t inputs, bool first,
                          int32_t* sums) {
    __m256i totals[kStreamRows][4];
#pragma GCC unroll 2
    for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 4
      for (int quarter = 0; quarter < 4; ++quarter) totals[row][quarter] = _mm256_setzero_si256();
    for (size_t input = 0; input < inputs; input += 4, x += 4, panel += 64) {
      prefetch_stream(panel);
      __m256i x4[kStreamRows];
#pragma GCC unroll 2
      for (int row = 0; row < kStreamRows; ++row)
        x4[row] = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(broadcast_4(x + row * x_stride)));
#pragma GCC unroll 4
      for (int quarter = 0; quarter < 4; ++quarter) {
        const __m256i w =
            _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + quarter * 16)));
#pragma GCC unroll 2
        for (int row = 0; row < kStreamRows; ++row)
          totals[row][quarter] = _mm256_add_epi32(totals[row][quarter], _mm256_madd_epi16(w, x4[row]));
      }
    }
#pragma GCC unroll 2
    for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        int32_t* sum = sums + row * kPanelChannels + half * 8;
        const __m256i pairs = add_pairs(totals[row][half * 2], totals[row][half * 2 + 1]);
        store_256(sum, first ? pairs : _mm256_add_epi32(load_256(sum), pairs));
      }
  }

  // More than two rows would need more than 16 registers: the second pair meets each part of the panel in the cache.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& from, size_t inputs, int32_t* sums) {
    constexpr size_t kPartInputs = 512;  // 8 KB
    for (size_t input = 0; input < inputs; input += kPartInputs) {
      const size_t part = at_most(inputs - input, kPartInputs);
      const uint8_t* bytes = from.blocks + input * kInputBytes<PanelFormat::s8>;
      stream_part<(kStreamRows > 1 ? 2 : 1)>(x + input, x_stride, bytes, part, input == 0, sums);
      if constexpr (kStreamRows > 2)
        stream_part<kStreamRows - 2>(x + input + 2 * x_stride, x_stride, bytes, part, input == 0,
                                     sums + 2 * kPanelChannels);
    }
  }
};

}  // namespace
}  // namespace mica::simd
