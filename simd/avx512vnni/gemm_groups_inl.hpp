// 4-bit weights by a table, with multipliers, times int8 activations with vpdpbusd: 64 products an instruction. Not the
// loops around it: gemm_driver_inl.hpp.
//
// Of a block of rows activations are made unsigned (x + 128), and what 128 times the weights are too much is known as
// panels are unpacked, for all rows. Few rows, which pass over a panel once, keep theirs signed: weights are unsigned
// (w + 21), and the sums of a group begin at what that makes too much.
#pragma once

#include <vector.hpp>

#include "avx2/gemm_stream_inl.hpp"
#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// Rows of a tile, and those that are streamed. Portable twins of these instructions are compiled for minutes as they
// are unrolled so often, and prove as much of fewer rows.
#ifdef MICA_SIMDE
constexpr int kTileRowsMax = 3, kStreamRowsMax = 2;
#else
constexpr int kTileRowsMax = 12, kStreamRowsMax = 8;
#endif

// The sums of eight rows stay in registers, of which there are 32. Qwen2-VL-2B on an EPYC, ms of one thread for a token
// of 1, 4, 6 and 8 sequences: 47, 49, 63 and 77; of six in blocks of rows, which unpack for 48: 131.
constexpr GemmGeometry kVnniGeometry = {.stream_rows = kStreamRowsMax,
                                        .stream_bytes_min = kX86Geometry.stream_bytes_min,
                                        .stream_bytes_max = kX86Geometry.stream_bytes_max,
                                        .block_panels = kX86Geometry.block_panels};

// Sixteen levels, and the same made unsigned by `offset`.
inline __m512i load_levels(const int8_t* levels) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(levels)));
}
inline __m512i unsigned_levels(const int8_t* levels, int offset) {
  return _mm512_add_epi8(load_levels(levels), _mm512_set1_epi8(static_cast<char>(offset)));
}

// The multipliers of a group, a lane a channel.
inline __m512i load_multipliers(const uint8_t* group) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(group));
  const __m128i low_nibbles = _mm_set1_epi8(15);
  return _mm512_cvtepu8_epi32(
      _mm_unpacklo_epi64(_mm_and_si128(both, low_nibbles), _mm_and_si128(_mm_srli_epi16(both, 4), low_nibbles)));
}

template <>
struct LevelCore<PanelFormat::t4> {
  static constexpr int32_t kOffset = 0;
  static constexpr GemmGeometry kGeometry = kVnniGeometry;
  // As of other formats (gemm_cores_inl.hpp), and 48 rows of unsigned activations (12 KB).
  static constexpr size_t kRows = 48, kPanels = 4, kInputs = 256;
  static constexpr size_t kGroup = kFactsOf<PanelFormat::t4>.group, kGroups = kInputs / kGroup;

  struct Unpacked {
    alignas(64) int8_t weights[kInputs * kPanelChannels];  // [4 inputs][channel][4]
    __m512i multipliers[kGroups];
    __m512i excess;  // 128 times each channel's weights
  };

  // Nibbles to levels.
  static void unpack_block(const uint8_t* block, __m512i table, __m512i* to) {
    const __m512i both = load_512(block), low_nibbles = _mm512_set1_epi8(15);
    to[0] = _mm512_shuffle_epi8(table, _mm512_and_si512(both, low_nibbles));
    to[1] = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(both, 4), low_nibbles));
  }

  static void unpack(Unpacked* to, const uint8_t* blocks, const uint8_t* multipliers, __m512i table, size_t inputs) {
    const __m512i ones = _mm512_set1_epi8(1);
    int8_t* out = to->weights;
    __m512i excess = _mm512_setzero_si512();
    for (size_t input = 0; input < inputs; input += kGroup) {
      const __m512i group = load_multipliers(multipliers + input / kGroup * kGroupBytes);
      to->multipliers[input / kGroup] = group;
      __m512i sums = _mm512_setzero_si512();
      for (size_t i = input; i < at_most(input + kGroup, inputs); i += 8, blocks += 64, out += 128) {
        __m512i w[2];
        unpack_block(blocks, table, w);
        store_512(out, w[0]);
        store_512(out + 64, w[1]);
        sums = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sums, ones, w[0]), ones, w[1]);
      }
      excess = _mm512_add_epi32(excess, _mm512_mullo_epi32(sums, group));
    }
    to->excess = _mm512_slli_epi32(excess, 7);
  }

  // Up to twelve rows by one or two panels, group by group: 24 sums of a group in registers, those of all in memory.
  template <int kTileRows, int kTilePanels>
  [[gnu::noinline]] static void multiply_tile(const uint8_t* x, const Unpacked* unpacked, size_t inputs, bool first,
                                              int32_t* sums) {
    for (int panel = 0; panel < kTilePanels; ++panel)
      for (int row = 0; row < kTileRows; ++row) {
        int32_t* sum = sums + (panel * kRows + row) * kPanelChannels;
        store_512(sum, _mm512_sub_epi32(first ? _mm512_setzero_si512() : load_512(sum), unpacked[panel].excess));
      }
    for (size_t input = 0; input < inputs; input += kGroup, x += kGroup) {
      __m512i totals[kTilePanels][kTileRows];
#pragma GCC unroll 2
      for (int panel = 0; panel < kTilePanels; ++panel)
#pragma GCC unroll 12
        for (int row = 0; row < kTileRows; ++row) totals[panel][row] = _mm512_setzero_si512();
      for (size_t i = 0; i < at_most(inputs - input, kGroup); i += 4) {
        __m512i w[kTilePanels];
#pragma GCC unroll 2
        for (int panel = 0; panel < kTilePanels; ++panel)
          w[panel] = load_512(unpacked[panel].weights + (input + i) * kPanelChannels);
#pragma GCC unroll 12
        for (int row = 0; row < kTileRows; ++row) {
          const __m512i x4 = broadcast_4_512(x + row * kInputs + i);
#pragma GCC unroll 2
          for (int panel = 0; panel < kTilePanels; ++panel)
            totals[panel][row] = _mm512_dpbusd_epi32(totals[panel][row], x4, w[panel]);
        }
      }
#pragma GCC unroll 2
      for (int panel = 0; panel < kTilePanels; ++panel)
#pragma GCC unroll 12
        for (int row = 0; row < kTileRows; ++row) {
          int32_t* sum = sums + (panel * kRows + row) * kPanelChannels;
          const __m512i product = _mm512_mullo_epi32(totals[panel][row], unpacked[panel].multipliers[input / kGroup]);
          store_512(sum, _mm512_add_epi32(load_512(sum), product));
        }
    }
  }

  static void multiply(const Block& block) {
    Unpacked unpacked[kPanels];
    alignas(64) uint8_t x[kRows * kInputs];
    const __m512i table = load_levels(block.levels);
    for (size_t panel = 0; panel < block.panel_count; ++panel)
      unpack(&unpacked[panel], block.panels + panel * block.panel_stride,
             block.multipliers + panel * block.panel_stride, table, block.inputs);
    for (size_t row = 0; row < block.rows; ++row)
      for (size_t input = 0; input < block.inputs; input += 32)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(x + row * kInputs + input),
                            _mm256_xor_si256(load_half_512(block.x + row * block.x_stride + input),
                                             _mm256_set1_epi8(-128)));
    for (size_t row = 0; row < block.rows; row += kTileRowsMax)
      for (size_t panel = 0; panel < block.panel_count; panel += 2) {
        int32_t* sums = block.sums + (panel * kRows + row) * kPanelChannels;
        with_rows<kTileRowsMax>(at_most(block.rows - row, kTileRowsMax), [&]<int kTileRows>() {
          if (panel + 1 < block.panel_count)
            multiply_tile<kTileRows, 2>(x + row * kInputs, unpacked + panel, block.inputs, block.first, sums);
          else
            multiply_tile<kTileRows, 1>(x + row * kInputs, unpacked + panel, block.inputs, block.first, sums);
        });
      }
  }

  // 21 times the sum of a group's activations, of 64 or 32.
  static int32_t group_excess(const int8_t* x, size_t inputs) {
    const __m256i levels = _mm256_set1_epi8(kFactsOf<PanelFormat::t4>.level_magnitude);
    __m256i words = _mm256_maddubs_epi16(levels, load_half_512(x));
    if (inputs > 32) words = _mm256_add_epi16(words, _mm256_maddubs_epi16(levels, load_half_512(x + 32)));
    return sum_of_lanes(_mm256_madd_epi16(words, _mm256_set1_epi16(1)));
  }

  // One to eight rows straight from the packed panel, in two chains of additions a row.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& from, size_t inputs, int32_t* sums) {
    const __m512i table = unsigned_levels(from.levels, kFactsOf<PanelFormat::t4>.level_magnitude);
    const uint8_t* panel = from.blocks;
    __m512i totals[kStreamRows];
#pragma GCC unroll 8
    for (int row = 0; row < kStreamRows; ++row) totals[row] = _mm512_setzero_si512();
    for (size_t input = 0; input < inputs; input += kGroup) {
      __m512i group[kStreamRows][2];
      const size_t count = at_most(inputs - input, kGroup);
#pragma GCC unroll 8
      for (int row = 0; row < kStreamRows; ++row) {
        group[row][0] = _mm512_set1_epi32(-group_excess(x + row * x_stride, count));
        group[row][1] = _mm512_setzero_si512();
      }
      for (size_t i = 0; i < count; i += 8, panel += 64, x += 8) {
        prefetch_stream(panel);
        __m512i w[2];
        unpack_block(panel, table, w);
#pragma GCC unroll 8
        for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 2
          for (int j = 0; j < 2; ++j)
            group[row][j] = _mm512_dpbusd_epi32(group[row][j], w[j], broadcast_4_512(x + row * x_stride + 4 * j));
      }
      const __m512i multipliers = load_multipliers(from.multipliers + input / kGroup * kGroupBytes);
#pragma GCC unroll 8
      for (int row = 0; row < kStreamRows; ++row)
        totals[row] = _mm512_add_epi32(
            totals[row], _mm512_mullo_epi32(_mm512_add_epi32(group[row][0], group[row][1]), multipliers));
    }
#pragma GCC unroll 8
    for (int row = 0; row < kStreamRows; ++row) store_512(sums + row * kPanelChannels, totals[row]);
  }
};

}  // namespace
}  // namespace mica::simd
