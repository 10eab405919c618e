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

// Patterns are loaded one by one, since no shuffle has 256 entries; signs and shifts are made for four codes at a time.
struct LatticeWeights {
  static constexpr PanelFormat kFormat = PanelFormat::e8p;
  static constexpr int kVectors = 4;
  LatticeWeights(const int8_t*, int offset) : raised(_mm_set1_epi8(static_cast<char>(offset + 1))) {}
  void unpack(const uint8_t* block, size_t half, __m256i* to) const {
    const uint8_t* codes = block + 32 * half;
    const __m128i stored = load_128(codes + 16);
    // 128 of four bits of which an odd number is set.
    const __m128i odd = _mm_setr_epi8(0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0);
    const __m128i low = _mm_and_si128(stored, _mm_set1_epi8(15));
    const __m128i high = _mm_and_si128(_mm_srli_epi16(stored, 4), _mm_set1_epi8(7));
    const __m128i eighth = _mm_xor_si128(_mm_shuffle_epi8(odd, low), _mm_shuffle_epi8(odd, high));
    const __m128i signs = _mm_or_si128(_mm_and_si128(stored, _mm_set1_epi8(127)), eighth);
    const __m128i lowered = _mm_cmpgt_epi8(_mm_setzero_si128(), stored);
    const __m128i shifts = _mm_add_epi8(raised, _mm_add_epi8(lowered, lowered));
    const Codes of = {codes, _mm256_broadcastsi128_si256(signs), _mm256_broadcastsi128_si256(shifts)};
#pragma GCC unroll 2
    for (int vector = 0; vector < 2; ++vector) {
      const __m256 near = _mm256_castsi256_ps(four(of, 8 * vector));
      const __m256 far = _mm256_castsi256_ps(four(of, 8 * vector + 2));
      to[2 * vector] = _mm256_castps_si256(_mm256_shuffle_ps(near, far, 0x88));
      to[2 * vector + 1] = _mm256_castps_si256(_mm256_shuffle_ps(near, far, 0xDD));
    }
  }
  __m128i raised;

 private:
  struct Codes {
    const uint8_t* patterns;
    __m256i signs, shifts;
  };
  // The codes `first`, the next, and both four behind them.
  static __m256i four(const Codes& of, int first) {
    const auto pattern = [&](int i) { return static_cast<int64_t>(kE8p.patterns[of.patterns[first + i]]); };
    const __m256i twice = _mm256_set_epi64x(pattern(5), pattern(4), pattern(1), pattern(0));
    const __m256i bits = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
    const __m256i from =
        _mm256_add_epi8(_mm256_set_epi64x(0x0505050505050505, 0x0404040404040404, 0x0101010101010101, 0),
                        _mm256_set1_epi8(static_cast<char>(first)));
    const __m256i negative = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(of.signs, from), bits), bits);
    return _mm256_add_epi8(_mm256_sub_epi8(_mm256_xor_si256(twice, negative), negative),
                           _mm256_shuffle_epi8(of.shifts, from));
  }
};

}  // namespace
}  // namespace mica::simd
