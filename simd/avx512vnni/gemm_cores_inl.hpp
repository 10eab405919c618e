// Int8 activations times weights of 8 bits and fewer with vpdpbusd: 64 products an instruction. Not those with
// multipliers (gemm_groups_inl.hpp) and not the loops around it: gemm_driver_inl.hpp.
//
// vpdpbusd multiplies unsigned by signed bytes, and takes the signed ones, four activations, as a broadcast from
// memory. So weights are made unsigned: u = w + 8, or w + 128; the epilogue takes off the excess.
#pragma once

#include <vector.hpp>

#include "avx512vnni/gemm_groups_inl.hpp"
#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// How a block becomes vectors of unsigned bytes, [channel][4 inputs] each.
struct NibbleWeights {
  static constexpr PanelFormat kFormat = PanelFormat::u4;
  static constexpr int32_t kOffset = 8;
  static constexpr int kVectors = 2;
  explicit NibbleWeights(const int8_t*) {}
  void unpack(const uint8_t* block, __m512i* to) const {
    const __m512i both = load_512(block);
    const __m512i low_nibbles = _mm512_set1_epi8(15);
    to[0] = _mm512_and_si512(both, low_nibbles);
    to[1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low_nibbles);
  }
};

struct ByteWeights {
  static constexpr PanelFormat kFormat = PanelFormat::s8;
  static constexpr int32_t kOffset = 128;
  static constexpr int kVectors = 1;
  explicit ByteWeights(const int8_t*) {}
  void unpack(const uint8_t* block, __m512i* to) const {
    to[0] = _mm512_xor_si512(load_512(block), _mm512_set1_epi8(-128));
  }
};

struct PairWeights {
  static constexpr PanelFormat kFormat = PanelFormat::p2;
  static constexpr int32_t kOffset = 8;
  static constexpr int kVectors = 4;
  explicit PairWeights(const int8_t* levels)
      : first(unsigned_levels(levels, kOffset)), second(unsigned_levels(levels + 16, kOffset)) {}
  void unpack(const uint8_t* block, __m512i* to) const {
    const __m512i both = load_512(block);
    const __m512i low_nibbles = _mm512_set1_epi8(15);
    const __m512i low = _mm512_and_si512(both, low_nibbles);
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(both, 4), low_nibbles);
    to[0] = _mm512_shuffle_epi8(first, low);
    to[1] = _mm512_shuffle_epi8(second, low);
    to[2] = _mm512_shuffle_epi8(first, high);
    to[3] = _mm512_shuffle_epi8(second, high);
  }
  __m512i first, second;
};

struct ThreeBitWeights {
  static constexpr PanelFormat kFormat = PanelFormat::t3;
  static constexpr int32_t kOffset = 8;
  static constexpr int kVectors = 8;
  explicit ThreeBitWeights(const int8_t* levels)
      : table(_mm512_add_epi8(
            _mm512_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(levels))),
            _mm512_set1_epi8(kOffset))) {}
  void unpack(const uint8_t* block, __m512i* to) const {
    constexpr int kSelect = 0xCA;  // a ? b : c, bit by bit
    const __m512i high = load_512(block + 128);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      const __m512i two = _mm512_srli_epi16(load_512(block + i / 4 * 64), i % 4 * 2);
      const __m512i third = i < 2 ? _mm512_slli_epi16(high, 2 - i) : _mm512_srli_epi16(high, i - 2);
      const __m512i index = _mm512_ternarylogic_epi32(_mm512_set1_epi8(3), two, third, kSelect);
      to[i] = _mm512_shuffle_epi8(table, _mm512_and_si512(index, _mm512_set1_epi8(7)));
    }
  }
  __m512i table;
};

// What is the same for all weights once they are unpacked.
struct VnniTile {
  // As at level avx2: four unpacked panels of 256 inputs (16 KB) and the sums of 48 rows (12 KB).
  static constexpr size_t kRows = 48, kPanels = 4, kInputs = 256;
  static constexpr size_t kUnpackedBytes = kInputs * kPanelChannels;  // of one panel

  // Up to twelve rows by one or two panels: 24 accumulators, two registers of weights and one of activations of 32.
  template <int kTileRows, int kTilePanels>
  [[gnu::noinline]] static void multiply_tile(const int8_t* x, size_t x_stride, const uint8_t* weights, size_t inputs,
                                              bool first, int32_t* sums) {
    __m512i totals[kTilePanels][kTileRows];
#pragma GCC unroll 2
    for (int panel = 0; panel < kTilePanels; ++panel)
#pragma GCC unroll 12
      for (int row = 0; row < kTileRows; ++row)
        totals[panel][row] = first ? _mm512_setzero_si512() : load_512(sums + (panel * kRows + row) * kPanelChannels);
    for (size_t input = 0; input < inputs; input += 4, x += 4, weights += 64) {
      __m512i w[kTilePanels];
#pragma GCC unroll 2
      for (int panel = 0; panel < kTilePanels; ++panel) w[panel] = load_512(weights + panel * kUnpackedBytes);
#pragma GCC unroll 12
      for (int row = 0; row < kTileRows; ++row) {
        const __m512i x4 = broadcast_4_512(x + row * x_stride);
#pragma GCC unroll 2
        for (int panel = 0; panel < kTilePanels; ++panel)
          totals[panel][row] = _mm512_dpbusd_epi32(totals[panel][row], w[panel], x4);
      }
    }
#pragma GCC unroll 2
    for (int panel = 0; panel < kTilePanels; ++panel)
#pragma GCC unroll 12
      for (int row = 0; row < kTileRows; ++row)
        store_512(sums + (panel * kRows + row) * kPanelChannels, totals[panel][row]);
  }
};

template <class Weights>
struct Vnni : VnniTile {
  static constexpr int32_t kOffset = Weights::kOffset;
  static constexpr int kVectors = Weights::kVectors;
  static constexpr size_t kBlock = block_bytes<Weights::kFormat>();
  static constexpr GemmGeometry kGeometry = kVnniGeometry;

  static void multiply(const Block& block) {
    alignas(64) uint8_t weights[kPanels * kUnpackedBytes];
    const Weights unpacking(block.levels);
    for (size_t panel = 0; panel < block.panel_count; ++panel) {
      const uint8_t* from = block.panels + panel * block.panel_stride;
      uint8_t* to = weights + panel * kUnpackedBytes;
      for (size_t input = 0; input < block.inputs; input += 4 * kVectors, from += kBlock, to += 64 * kVectors) {
        __m512i unpacked[kVectors];
        unpacking.unpack(from, unpacked);
        for (int i = 0; i < kVectors; ++i) store_512(to + 64 * i, unpacked[i]);
      }
    }
    for (size_t row = 0; row < block.rows; row += kTileRowsMax)
      for (size_t panel = 0; panel < block.panel_count; panel += 2) {
        const int8_t* x = block.x + row * block.x_stride;
        int32_t* sums = block.sums + (panel * kRows + row) * kPanelChannels;
        const uint8_t* from = weights + panel * kUnpackedBytes;
        with_rows<kTileRowsMax>(at_most(block.rows - row, kTileRowsMax), [&]<int kTileRows>() {
          if (panel + 1 < block.panel_count)
            multiply_tile<kTileRows, 2>(x, block.x_stride, from, block.inputs, block.first, sums);
          else
            multiply_tile<kTileRows, 1>(x, block.x_stride, from, block.inputs, block.first, sums);
        });
      }
  }

  // One to eight rows straight from the packed panel. Chains of additions, so that none waits for another: four a row,
  // of more than four rows two.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& from, size_t inputs, int32_t* sums) {
    constexpr int kChains = kStreamRows <= 4 ? 4 : 2;
    constexpr int kStepVectors = kVectors > 4 ? kVectors : 4;
    const Weights unpacking(from.levels);
    const uint8_t* panel = from.blocks;
    __m512i totals[kStreamRows][kChains];
#pragma GCC unroll 8
    for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 4
      for (int chain = 0; chain < kChains; ++chain) totals[row][chain] = _mm512_setzero_si512();
    for (size_t input = 0; input < inputs; input += 4 * kStepVectors, x += 4 * kStepVectors)
#pragma GCC unroll 4
      for (int chain = 0; chain < kStepVectors; chain += kVectors, panel += kBlock) {
        for (size_t line = 0; line < kBlock; line += 64) prefetch_stream(panel + line);
        __m512i w[kVectors];
        unpacking.unpack(panel, w);
#pragma GCC unroll 8
        for (int i = 0; i < kVectors; ++i)
#pragma GCC unroll 8
          for (int row = 0; row < kStreamRows; ++row) {
            __m512i& total = totals[row][(chain + i) % kChains];
            total = _mm512_dpbusd_epi32(total, w[i], broadcast_4_512(x + row * x_stride + 4 * (chain + i)));
          }
      }
#pragma GCC unroll 8
    for (int row = 0; row < kStreamRows; ++row) {
      __m512i sum = totals[row][0];
      for (int chain = 1; chain < kChains; ++chain) sum = _mm512_add_epi32(sum, totals[row][chain]);
      store_512(sums + row * kPanelChannels, sum);
    }
  }
};

template <>
struct LevelCore<PanelFormat::u4> : Vnni<NibbleWeights> {};
template <>
struct LevelCore<PanelFormat::s8> : Vnni<ByteWeights> {};
template <>
struct LevelCore<PanelFormat::t3> : Vnni<ThreeBitWeights> {};
template <>
struct LevelCore<PanelFormat::p2> : Vnni<PairWeights> {};

}  // namespace
}  // namespace mica::simd
