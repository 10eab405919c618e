// Int8 activations times 4-bit or 8-bit weights with vpdpbusd: 64 products an instruction. Not the loops around it:
// gemm_driver_inl.hpp.
//
// vpdpbusd multiplies unsigned by signed bytes, and takes the signed ones, four activations, as a broadcast from
// memory. So weights are made unsigned: u = w + 8 as they are packed, or w + 128; the epilogue takes off the excess.
#pragma once

#include "avx2/gemm_vector_inl.hpp"
#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

inline __m512i load_512(const void* from) { return _mm512_loadu_si512(from); }
inline void store_512(void* to, __m512i a) { _mm512_storeu_si512(to, a); }

inline __m512i broadcast_4_512(const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  return _mm512_set1_epi32(four);
}

// How 64 bytes of a panel become vectors of unsigned bytes, [channel][4 inputs] each.
struct NibbleWeights {
  static constexpr int32_t kOffset = 8;
  static constexpr int kVectors = 2;
  static void unpack(const uint8_t* block, __m512i* to) {
    const __m512i both = load_512(block);
    const __m512i low_nibbles = _mm512_set1_epi8(15);
    to[0] = _mm512_and_si512(both, low_nibbles);
    to[1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low_nibbles);
  }
};

struct ByteWeights {
  static constexpr int32_t kOffset = 128;
  static constexpr int kVectors = 1;
  static void unpack(const uint8_t* block, __m512i* to) {
    to[0] = _mm512_xor_si512(load_512(block), _mm512_set1_epi8(-128));
  }
};

template <class Weights>
struct Vnni {
  static constexpr int32_t kOffset = Weights::kOffset;
  static constexpr int kVectors = Weights::kVectors;
  static constexpr size_t kInputBytes = kPanelChannels / kVectors;
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

  static void multiply(const Block& block) {
    alignas(64) uint8_t weights[kPanels * kUnpackedBytes];
    for (size_t panel = 0; panel < block.panel_count; ++panel) {
      const uint8_t* from = block.panels + panel * block.panel_stride;
      uint8_t* to = weights + panel * kUnpackedBytes;
      for (size_t input = 0; input < block.inputs; input += 4 * kVectors, from += 64, to += 64 * kVectors) {
        __m512i unpacked[kVectors];
        Weights::unpack(from, unpacked);
        for (int i = 0; i < kVectors; ++i) store_512(to + 64 * i, unpacked[i]);
      }
    }
    for (size_t row = 0; row < block.rows; row += 12)
      for (size_t panel = 0; panel < block.panel_count; panel += 2) {
        const int8_t* x = block.x + row * block.x_stride;
        int32_t* sums = block.sums + (panel * kRows + row) * kPanelChannels;
        const uint8_t* from = weights + panel * kUnpackedBytes;
        with_rows<12>(at_most(block.rows - row, 12), [&]<int kTileRows>() {
          if (panel + 1 < block.panel_count)
            multiply_tile<kTileRows, 2>(x, block.x_stride, from, block.inputs, block.first, sums);
          else
            multiply_tile<kTileRows, 1>(x, block.x_stride, from, block.inputs, block.first, sums);
        });
      }
  }

  // One to four rows straight from the packed panel; four chains of additions a row, so that none waits for another.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const uint8_t* panel, size_t inputs, int32_t* sums) {
    __m512i totals[kStreamRows][4];
#pragma GCC unroll 4
    for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 4
      for (int chain = 0; chain < 4; ++chain) totals[row][chain] = _mm512_setzero_si512();
    for (size_t input = 0; input < inputs; input += 16, x += 16)
#pragma GCC unroll 4
      for (int chain = 0; chain < 4; chain += kVectors, panel += 64) {
        prefetch_stream(panel);
        __m512i w[kVectors];
        Weights::unpack(panel, w);
#pragma GCC unroll 2
        for (int i = 0; i < kVectors; ++i)
#pragma GCC unroll 4
          for (int row = 0; row < kStreamRows; ++row)
            totals[row][chain + i] = _mm512_dpbusd_epi32(totals[row][chain + i], w[i],
                                                         broadcast_4_512(x + row * x_stride + 4 * (chain + i)));
      }
#pragma GCC unroll 4
    for (int row = 0; row < kStreamRows; ++row)
      store_512(sums + row * kPanelChannels, _mm512_add_epi32(_mm512_add_epi32(totals[row][0], totals[row][1]),
                                                              _mm512_add_epi32(totals[row][2], totals[row][3])));
  }
};

}  // namespace
}  // namespace mica::simd
