// Weights of 4 bits and fewer times int8 activations with vpmaddubsw: 32 products an instruction. Not those with
// multipliers (gemm_groups_inl.hpp) and not the loops around it: gemm_driver_inl.hpp.
//
// Weights are unsigned (u = w + 8), so that one vpmaddubsw multiplies them with signed activations; the excess of 8
// times the activations is taken off in the epilogue. A pair of products is at most 2 * 16 * 127 = 4064, so eight of
// them are added exactly in 16 bits (32512); then vpmaddwd with ones widens. Of 204 vector operations for 3072
// products, 108 multiply, so that four vector ports, two of which multiply, allow 57 products a clock. Zen 3 reaches
// 46, three times its float products: some additions seem to go to the multiplying ports. Golden Cove has three ports,
// which allow 45, and reaches 42. Of a thousand orders of the operations none does better, nor do tiles of 4 x 24,
// 5 x 16, 4 x 16 or 3 x 32.
#pragma once

#include <vector.hpp>

#include "avx2/gemm_stream_inl.hpp"
#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// How half of a block, eight channels, becomes kVectors vectors of unsigned bytes, [channel][4 inputs] each.
struct NibbleWeights {
  static constexpr PanelFormat kFormat = PanelFormat::u4;
  static constexpr int kVectors = 2;
  explicit NibbleWeights(const int8_t*) {}
  void unpack(const uint8_t* block, size_t half, __m256i* to) const {
    const __m256i low_nibbles = _mm256_set1_epi8(15);
    const __m256i both = load_256(block + 32 * half);
    to[0] = _mm256_and_si256(both, low_nibbles);
    to[1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), low_nibbles);
  }
};

// Sixteen levels, made unsigned.
inline __m256i unsigned_levels(const int8_t* levels) {
  return _mm256_add_epi8(_mm256_broadcastsi128_si256(load_128(levels)), _mm256_set1_epi8(8));
}

struct PairWeights {
  static constexpr PanelFormat kFormat = PanelFormat::p2;
  static constexpr int kVectors = 4;
  explicit PairWeights(const int8_t* levels) : first(unsigned_levels(levels)), second(unsigned_levels(levels + 16)) {}
  void unpack(const uint8_t* block, size_t half, __m256i* to) const {
    const __m256i low_nibbles = _mm256_set1_epi8(15);
    const __m256i both = load_256(block + 32 * half);
    const __m256i low = _mm256_and_si256(both, low_nibbles);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), low_nibbles);
    to[0] = _mm256_shuffle_epi8(first, low);
    to[1] = _mm256_shuffle_epi8(second, low);
    to[2] = _mm256_shuffle_epi8(first, high);
    to[3] = _mm256_shuffle_epi8(second, high);
  }
  __m256i first, second;
};

struct ThreeBitWeights {
  static constexpr PanelFormat kFormat = PanelFormat::t3;
  static constexpr int kVectors = 8;
  explicit ThreeBitWeights(const int8_t* levels)
      : table(_mm256_add_epi8(_mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(levels))),
                              _mm256_set1_epi8(8))) {}
  void unpack(const uint8_t* block, size_t half, __m256i* to) const {
    const __m256i high = load_256(block + 128 + 32 * half);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      const __m256i low = load_256(block + i / 4 * 64 + 32 * half);
      const __m256i two = _mm256_and_si256(_mm256_srli_epi16(low, i % 4 * 2), _mm256_set1_epi8(3));
      const __m256i moved = i < 2 ? _mm256_slli_epi16(high, 2 - i) : _mm256_srli_epi16(high, i - 2);
      const __m256i third = _mm256_and_si256(moved, _mm256_set1_epi8(4));
      to[i] = _mm256_shuffle_epi8(table, _mm256_or_si256(two, third));
    }
  }
  __m256i table;
};

// What is the same for all weights once they are unpacked.
struct WordTile {
  static constexpr GemmGeometry kGeometry = kX86Geometry;
  // Two unpacked panels of 512 inputs (16 KB) and six rows of activations at a time (3 KB) stay in a level 1 cache of
  // 32 KB; the sums of 192 rows (24 KB) pass through it, six rows a call. So many rows make unpacking less than one
  // part in a hundred of the work.
  static constexpr size_t kRows = 192, kPanels = 2, kInputs = 512;

  // Up to six rows by 16 channels: twelve 16-bit accumulators, two registers of weights and one of activations are 15
  // of the 16 registers; the 32-bit sums stay in memory, where each is met once in 32 inputs.
  template <int kTileRows>
  [[gnu::noinline]] static void multiply_tile(const int8_t* x, size_t x_stride, const uint8_t* weights, size_t inputs,
                                              bool first, int32_t* sums) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t input = 0; input < inputs; input += 32, x += 32, weights += 512, first = false) {
      __m256i words[kTileRows][2];
#pragma GCC unroll 8
      for (int step = 0; step < 8; ++step) {
        const __m256i w0 = load_256(weights + step * 64);
        const __m256i w1 = load_256(weights + step * 64 + 32);
#pragma GCC unroll 8
        for (int row = 0; row < kTileRows; ++row) {
          const __m256i x4 = broadcast_4(x + row * x_stride + step * 4);
          const __m256i product0 = _mm256_maddubs_epi16(w0, x4);
          const __m256i product1 = _mm256_maddubs_epi16(w1, x4);
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
          const __m256i wide = _mm256_madd_epi16(words[row][half], ones);
          store_256(sum, first ? wide : _mm256_add_epi32(load_256(sum), wide));
        }
    }
  }
};

template <class Weights>
struct WordCore : WordTile {
  static constexpr int32_t kOffset = 8;
  static constexpr int kVectors = Weights::kVectors;
  static constexpr size_t kBlock = block_bytes<Weights::kFormat>();

  // A panel to bytes: each block becomes 64 bytes of inputs 0-3, 64 of inputs 4-7, ...
  static void unpack(uint8_t* to, const uint8_t* blocks, const Weights& weights, size_t inputs) {
    for (size_t input = 0; input < inputs; input += 4 * kVectors, blocks += kBlock, to += 64 * kVectors)
      for (size_t half = 0; half < 2; ++half) {
        __m256i vectors[kVectors];
        weights.unpack(blocks, half, vectors);
        for (int i = 0; i < kVectors; ++i) store_256(to + 64 * i + 32 * half, vectors[i]);
      }
  }

  static void multiply(const Block& block) {
    alignas(64) uint8_t weights[kPanels][kInputs * kPanelChannels];
    const Weights unpacking(block.levels);
    for (size_t panel = 0; panel < block.panel_count; ++panel)
      unpack(weights[panel], block.panels + panel * block.panel_stride, unpacking, block.inputs);
    for (size_t row = 0; row < block.rows; row += 6)
      for (size_t panel = 0; panel < block.panel_count; ++panel)
        with_rows<6>(at_most(block.rows - row, 6), [&]<int kTileRows>() {
          multiply_tile<kTileRows>(block.x + row * block.x_stride, block.x_stride, weights[panel], block.inputs,
                                   block.first, block.sums + (panel * kRows + row) * kPanelChannels);
        });
  }

  // One to four rows straight from the packed panel; sums in registers.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& from, size_t inputs, int32_t* sums) {
    const Weights unpacking(from.levels);
    const uint8_t* panel = from.blocks;
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i total[kStreamRows][2];
    for (int row = 0; row < kStreamRows; ++row) total[row][0] = total[row][1] = _mm256_setzero_si256();
    for (size_t input = 0; input < inputs; input += 32, x += 32) {
      __m256i words[kStreamRows][2];
#pragma GCC unroll 4
      for (int step = 0; step < 8; step += kVectors, panel += kBlock) {
        for (size_t line = 0; line < kBlock; line += 64) prefetch_stream(panel + line);
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          __m256i w[kVectors];
          unpacking.unpack(panel, static_cast<size_t>(half), w);
#pragma GCC unroll 4
          for (int i = 0; i < kVectors; i += 2)
#pragma GCC unroll 4
            for (int row = 0; row < kStreamRows; ++row) {
              const int8_t* at = x + row * x_stride + (step + i) * 4;
              const __m256i products = _mm256_add_epi16(_mm256_maddubs_epi16(w[i], broadcast_4(at)),
                                                        _mm256_maddubs_epi16(w[i + 1], broadcast_4(at + 4)));
              words[row][half] = step + i == 0 ? products : _mm256_add_epi16(words[row][half], products);
              hold(words[row][half]);
            }
        }
      }
      for (int row = 0; row < kStreamRows; ++row)
        for (int half = 0; half < 2; ++half)
          total[row][half] = _mm256_add_epi32(total[row][half], _mm256_madd_epi16(words[row][half], ones));
    }
    for (int row = 0; row < kStreamRows; ++row)
      for (int half = 0; half < 2; ++half) store_256(sums + row * kPanelChannels + half * 8, total[row][half]);
  }
};

template <>
struct LevelCore<PanelFormat::u4> : WordCore<NibbleWeights> {};
template <>
struct LevelCore<PanelFormat::t3> : WordCore<ThreeBitWeights> {};
template <>
struct LevelCore<PanelFormat::p2> : WordCore<PairWeights> {};

}  // namespace
}  // namespace mica::simd
