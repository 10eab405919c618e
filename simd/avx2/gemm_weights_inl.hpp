// How 256-bit levels of x86 unpack panels: half of a block at a time, to unsigned bytes. Not a product.
#pragma once

#include <vector.hpp>

#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// How half of a block, eight channels, becomes kVectors vectors of unsigned bytes, [channel][4 inputs] each.
struct NibbleWeights {
  static constexpr PanelFormat kFormat = PanelFormat::u4;
  static constexpr int kVectors = 2;
  NibbleWeights(const int8_t*, int) {}
  void unpack(const uint8_t* block, size_t half, __m256i* to) const {
    const __m256i low_nibbles = _mm256_set1_epi8(15);
    const __m256i both = load_256(block + 32 * half);
    to[0] = _mm256_and_si256(both, low_nibbles);
    to[1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), low_nibbles);
  }
};

// Sixteen levels, made unsigned by `offset`.
inline __m256i unsigned_levels(const int8_t* levels, int offset) {
  return _mm256_add_epi8(_mm256_broadcastsi128_si256(load_128(levels)), _mm256_set1_epi8(static_cast<char>(offset)));
}

struct LevelWeights {
  static constexpr PanelFormat kFormat = PanelFormat::t4;
  static constexpr int kVectors = 2;
  LevelWeights(const int8_t* levels, int offset) : table(unsigned_levels(levels, offset)) {}
  void unpack(const uint8_t* block, size_t half, __m256i* to) const {
    NibbleWeights(nullptr, 0).unpack(block, half, to);
    for (int i = 0; i < kVectors; ++i) to[i] = _mm256_shuffle_epi8(table, to[i]);
  }
  __m256i table;
};

struct PairWeights {
  static constexpr PanelFormat kFormat = PanelFormat::p2;
  static constexpr int kVectors = 4;
  PairWeights(const int8_t* levels, int offset)
      : first(unsigned_levels(levels, offset)), second(unsigned_levels(levels + 16, offset)) {}
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
  ThreeBitWeights(const int8_t* levels, int offset)
      : table(_mm256_add_epi8(_mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(levels))),
                              _mm256_set1_epi8(static_cast<char>(offset)))) {}
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

}  // namespace
}  // namespace mica::simd
