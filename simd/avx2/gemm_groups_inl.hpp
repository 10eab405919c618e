// 4-bit weights by a table, with multipliers, times int8 activations with vpmaddubsw: 32 products an instruction. Not
// the loops around it: gemm_driver_inl.hpp.
//
// A level has up to 21 in magnitude: unsigned activations (x + 128) times signed weights give pairs of at most
// 2 * 255 * 21 = 10710, and three of them are added exactly in 16 bits (32130). The multiplier then rides on vpmaddwd,
// which widens. What 128 times the weights are too much is known as panels are unpacked, for all rows. Of one or two
// rows, which pass over a panel once, the sign of an activation goes to the weight instead: pairs are at most 2 * 127 *
// 21 = 5334.
#pragma once

#include <vector.hpp>

#include "avx2/gemm_stream_inl.hpp"
#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// The multipliers of a group as pairs of 16-bit integers, a pair a channel: those of eight channels in each.
inline void load_multipliers(const uint8_t* group, __m256i* to) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(group));
  const __m128i low_nibbles = _mm_set1_epi8(15);
  const __m128i bytes =
      _mm_unpacklo_epi64(_mm_and_si128(both, low_nibbles), _mm_and_si128(_mm_srli_epi16(both, 4), low_nibbles));
  for (int half = 0; half < 2; ++half) {
    const __m256i wide = _mm256_cvtepu8_epi32(half == 0 ? bytes : _mm_srli_si128(bytes, 8));
    to[half] = _mm256_or_si256(wide, _mm256_slli_epi32(wide, 16));
  }
}

template <>
struct LevelCore<PanelFormat::t4> {
  static constexpr int32_t kOffset = 0;
  static constexpr GemmGeometry kGeometry = kX86Geometry;
  // As of other formats (gemm_words_inl.hpp), and six rows of unsigned activations (3 KB).
  static constexpr size_t kRows = 192, kPanels = 2, kInputs = 512;
  static constexpr size_t kGroup = kFactsOf<PanelFormat::t4>.group, kGroups = kInputs / kGroup, kTile = 6;
  static_assert(2 * 255 * kFactsOf<PanelFormat::t4>.level_magnitude * 3 < 32768);

  struct Unpacked {
    alignas(64) int8_t weights[kInputs * kPanelChannels];  // [4 inputs][channel][4]
    __m256i multipliers[kGroups][2];
    int32_t excess[kPanelChannels];  // 128 times each channel's weights
  };

  static void unpack(Unpacked* to, const uint8_t* blocks, const uint8_t* multipliers, const int8_t* levels,
                     size_t inputs) {
    const __m256i table = _mm256_broadcastsi128_si256(load_128(levels));
    const __m256i low_nibbles = _mm256_set1_epi8(15), ones = _mm256_set1_epi8(1);
    int8_t* out = to->weights;
    __m256i excess[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (size_t input = 0; input < inputs; input += kGroup) {
      __m256i* group = to->multipliers[input / kGroup];
      load_multipliers(multipliers + input / kGroup * kGroupBytes, group);
      __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
      for (size_t i = input; i < at_most(input + kGroup, inputs); i += 8, blocks += 64, out += 128)
        for (int half = 0; half < 2; ++half) {
          const __m256i both = load_256(blocks + 32 * half);
          const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(both, low_nibbles));
          const __m256i high =
              _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(both, 4), low_nibbles));
          store_256(out + 32 * half, low);
          store_256(out + 64 + 32 * half, high);
          const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(ones, low), _mm256_maddubs_epi16(ones, high));
          sums[half] = _mm256_add_epi16(sums[half], pairs);
        }
      for (int half = 0; half < 2; ++half)
        excess[half] = _mm256_add_epi32(excess[half], _mm256_madd_epi16(sums[half], group[half]));
    }
    for (int half = 0; half < 2; ++half) store_256(to->excess + 8 * half, _mm256_slli_epi32(excess[half], 7));
  }

  // kSteps groups of 4 inputs of up to six rows by 16 channels, exact in 16 bits, widened and added to the sums.
  template <int kTileRows, int kSteps>
  [[gnu::always_inline]] static void multiply_steps(const uint8_t* x, const int8_t* weights,
                                                    const __m256i* multipliers, int32_t* sums) {
    __m256i words[kTileRows][2];
#pragma GCC unroll 3
    for (int step = 0; step < kSteps; ++step) {
      const __m256i w0 = load_256(weights + step * 64);
      const __m256i w1 = load_256(weights + step * 64 + 32);
#pragma GCC unroll 8
      for (int row = 0; row < kTileRows; ++row) {
        const __m256i x4 = broadcast_4(x + row * kInputs + step * 4);
        const __m256i product0 = _mm256_maddubs_epi16(x4, w0);
        const __m256i product1 = _mm256_maddubs_epi16(x4, w1);
        words[row][0] = step == 0 ? product0 : _mm256_add_epi16(words[row][0], product0);
        words[row][1] = step == 0 ? product1 : _mm256_add_epi16(words[row][1], product1);
        hold(words[row][0]);
        hold(words[row][1]);
      }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kTileRows; ++row)
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        int32_t* sum = sums + row * kPanelChannels + half * 8;
        store_256(sum, _mm256_add_epi32(load_256(sum), _mm256_madd_epi16(words[row][half], multipliers[half])));
      }
  }

  template <int kTileRows>
  [[gnu::noinline]] static void multiply_tile(const uint8_t* x, const Unpacked& unpacked, size_t inputs, bool first,
                                              int32_t* sums) {
    for (int row = 0; row < kTileRows; ++row)
      for (int half = 0; half < 2; ++half) {
        int32_t* sum = sums + row * kPanelChannels + half * 8;
        store_256(sum, _mm256_sub_epi32(first ? _mm256_setzero_si256() : load_256(sum),
                                        load_256(unpacked.excess + half * 8)));
      }
    const int8_t* weights = unpacked.weights;
    for (size_t input = 0; input < inputs; input += kGroup) {
      const __m256i* multipliers = unpacked.multipliers[input / kGroup];
      size_t steps = at_most(inputs - input, kGroup) / 4;  // 16, or 8 in half a group
      for (; steps >= 3; steps -= 3, x += 12, weights += 192)
        multiply_steps<kTileRows, 3>(x, weights, multipliers, sums);
      if (steps == 1) multiply_steps<kTileRows, 1>(x, weights, multipliers, sums);
      else multiply_steps<kTileRows, 2>(x, weights, multipliers, sums);
      x += 4 * steps;
      weights += 64 * steps;
    }
  }

  static void multiply(const Block& block) {
    Unpacked unpacked[kPanels];
    alignas(64) uint8_t x[kTile * kInputs];
    for (size_t panel = 0; panel < block.panel_count; ++panel)
      unpack(&unpacked[panel], block.panels + panel * block.panel_stride,
             block.multipliers + panel * block.panel_stride, block.levels, block.inputs);
    for (size_t row = 0; row < block.rows; row += kTile) {
      const size_t rows = at_most(block.rows - row, kTile);
      for (size_t r = 0; r < rows; ++r)
        for (size_t input = 0; input < block.inputs; input += 32)
          store_256(x + r * kInputs + input, _mm256_xor_si256(load_256(block.x + (row + r) * block.x_stride + input),
                                                              _mm256_set1_epi8(-128)));
      for (size_t panel = 0; panel < block.panel_count; ++panel)
        with_rows<kTile>(rows, [&]<int kTileRows>() {
          multiply_tile<kTileRows>(x, unpacked[panel], block.inputs, block.first,
                                   block.sums + (panel * kRows + row) * kPanelChannels);
        });
    }
  }

  // One or two rows straight from the panel, over whole groups of inputs and perhaps half a last one; sums are set by
  // the first, else added to.
  template <int kStreamRows>
  static void stream_part(const int8_t* x, size_t x_stride, const uint8_t* blocks, const uint8_t* multipliers,
                          __m256i table, size_t inputs, bool first, int32_t* sums) {
    const __m256i low_nibbles = _mm256_set1_epi8(15);
    __m256i totals[kStreamRows][2];
    for (int row = 0; row < kStreamRows; ++row)
      for (int half = 0; half < 2; ++half)
        totals[row][half] = first ? _mm256_setzero_si256() : load_256(sums + row * kPanelChannels + half * 8);
    for (size_t input = 0; input < inputs; input += kGroup, multipliers += kGroupBytes) {
      __m256i group[2];
      load_multipliers(multipliers, group);
      const size_t steps = at_most(inputs - input, kGroup) / 8;
      // Three blocks of 8 inputs are added in 16 bits.
      for (size_t step = 0; step < steps; step += 3) {
        __m256i words[kStreamRows][2] = {};
        for (size_t i = step; i < at_most(step + 3, steps); ++i, blocks += 64, x += 8) {
          prefetch_stream(blocks);
          __m256i x4[kStreamRows][2];
#pragma GCC unroll 2
          for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 2
            for (int j = 0; j < 2; ++j) x4[row][j] = broadcast_4(x + row * x_stride + 4 * j);
#pragma GCC unroll 2
          for (int half = 0; half < 2; ++half) {
            const __m256i both = load_256(blocks + 32 * half);
            const __m256i w[2] = {
                _mm256_shuffle_epi8(table, _mm256_and_si256(both, low_nibbles)),
                _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(both, 4), low_nibbles))};
#pragma GCC unroll 2
            for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 2
              for (int j = 0; j < 2; ++j)
                words[row][half] = _mm256_add_epi16(
                    words[row][half],
                    _mm256_maddubs_epi16(_mm256_abs_epi8(x4[row][j]), _mm256_sign_epi8(w[j], x4[row][j])));
          }
        }
#pragma GCC unroll 2
        for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 2
          for (int half = 0; half < 2; ++half)
            totals[row][half] =
                _mm256_add_epi32(totals[row][half], _mm256_madd_epi16(words[row][half], group[half]));
      }
    }
    for (int row = 0; row < kStreamRows; ++row)
      for (int half = 0; half < 2; ++half) store_256(sums + row * kPanelChannels + half * 8, totals[row][half]);
  }

  // The second pair of rows meets each part of the panel in the cache.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& from, size_t inputs, int32_t* sums) {
    constexpr size_t kPartInputs = 1024;  // 8 KB
    const __m256i table = _mm256_broadcastsi128_si256(load_128(from.levels));
    for (size_t input = 0; input < inputs; input += kPartInputs) {
      const size_t part = at_most(inputs - input, kPartInputs);
      const uint8_t* blocks = from.blocks + input * kInputBytes<PanelFormat::t4>;
      const uint8_t* multipliers = from.multipliers + input / kGroup * kGroupBytes;
      stream_part<(kStreamRows > 1 ? 2 : 1)>(x + input, x_stride, blocks, multipliers, table, part, input == 0, sums);
      if constexpr (kStreamRows > 2)
        stream_part<kStreamRows - 2>(x + input + 2 * x_stride, x_stride, blocks, multipliers, table, part, input == 0,
                                     sums + 2 * kPanelChannels);
    }
  }
};

}  // namespace
}  // namespace mica::simd
