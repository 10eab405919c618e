// How level avx512vnni unpacks panels, and what its tiles are: 64 products an instruction. Not the products:
// gemm_vnni_inl.hpp.
#pragma once

#include <vector.hpp>

#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// 24 sums, of two panels, two registers of weights and one of activations are 27 of the 32 registers. Four unpacked
// panels of 256 inputs (16 KB) and twelve rows of activations (3 KB) stay in a level 1 cache of 32 KB; the sums of 96 rows
// (24 KB) pass through it. So many rows make unpacking less than one part in forty of the work. The sums of eight rows
// that are streamed stay in registers. Qwen2-VL-2B on an EPYC, ms of one thread for a token of 1, 4, 6 and 8 sequences:
// 47, 49, 63 and 77; of six in blocks of rows, which unpack for 48: 131.
// Portable twins of these instructions are compiled for minutes as they are unrolled so often, and prove as much of
// fewer rows.
struct DotTile {
#ifdef MICA_SIMDE
  static constexpr int kRows = 3, kStreamRows = 2;
#else
  static constexpr int kRows = 12, kStreamRows = 8;
#endif
  static constexpr int kStreamSums = 16;
  static constexpr size_t kBlockRows = 96, kBlockPanels = 4, kBlockInputs = 256;
};

// Sixteen levels, made unsigned by `offset`.
inline __m512i unsigned_levels(const int8_t* levels, int offset) {
  return _mm512_add_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(levels))),
                         _mm512_set1_epi8(static_cast<char>(offset)));
}

// How a block becomes vectors of unsigned bytes, [channel][4 inputs] each.
struct NibbleWeights {
  static constexpr PanelFormat kFormat = PanelFormat::u4;
  static constexpr int kVectors = 2;
  NibbleWeights(const int8_t*, int) {}
  void unpack(const uint8_t* block, size_t, __m512i* to) const {
    const __m512i both = load_512(block);
    const __m512i low_nibbles = _mm512_set1_epi8(15);
    to[0] = _mm512_and_si512(both, low_nibbles);
    to[1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low_nibbles);
  }
};

struct ByteWeights {
  static constexpr PanelFormat kFormat = PanelFormat::s8;
  static constexpr int kVectors = 1;
  ByteWeights(const int8_t*, int) {}
  void unpack(const uint8_t* block, size_t, __m512i* to) const {
    to[0] = _mm512_xor_si512(load_512(block), _mm512_set1_epi8(-128));
  }
};

struct LevelWeights {
  static constexpr PanelFormat kFormat = PanelFormat::t4;
  static constexpr int kVectors = 2;
  LevelWeights(const int8_t* levels, int offset) : table(unsigned_levels(levels, offset)) {}
  void unpack(const uint8_t* block, size_t, __m512i* to) const {
    NibbleWeights(nullptr, 0).unpack(block, 0, to);
    for (int i = 0; i < kVectors; ++i) to[i] = _mm512_shuffle_epi8(table, to[i]);
  }
  __m512i table;
};

struct PairWeights {
  static constexpr PanelFormat kFormat = PanelFormat::p2;
  static constexpr int kVectors = 4;
  PairWeights(const int8_t* levels, int offset)
      : first(unsigned_levels(levels, offset)), second(unsigned_levels(levels + 16, offset)) {}
  void unpack(const uint8_t* block, size_t, __m512i* to) const {
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
  static constexpr int kVectors = 8;
  ThreeBitWeights(const int8_t* levels, int offset)
      : table(_mm512_add_epi8(_mm512_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(levels))),
                              _mm512_set1_epi8(static_cast<char>(offset)))) {}
  void unpack(const uint8_t* block, size_t, __m512i* to) const {
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

// Patterns are loaded one by one, since no shuffle has 256 entries; signs and shifts are made for eight codes at a time.
struct LatticeWeights {
  static constexpr PanelFormat kFormat = PanelFormat::e8p;
  static constexpr int kVectors = 4;
  LatticeWeights(const int8_t*, int offset) : raised(_mm512_set1_epi8(static_cast<char>(offset + 1))) {}
  void unpack(const uint8_t* block, size_t, __m512i* to) const {
    const auto both = [](const uint8_t* at) {
      return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    };
    const __m512i stored = _mm512_inserti64x4(_mm512_castsi256_si512(both(block + 16)), both(block + 48), 1);
    // 128 of four bits of which an odd number is set.
    const __m512i odd =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0));
    const __m512i low = _mm512_and_si512(stored, _mm512_set1_epi8(15));
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(stored, 4), _mm512_set1_epi8(7));
    const __m512i eighth = _mm512_xor_si512(_mm512_shuffle_epi8(odd, low), _mm512_shuffle_epi8(odd, high));
    const __m512i two = _mm512_and_si512(_mm512_srli_epi16(stored, 6), _mm512_set1_epi8(2));
    const Codes of = {block, _mm512_or_si512(_mm512_and_si512(stored, _mm512_set1_epi8(127)), eighth),
                      _mm512_sub_epi8(raised, two)};
#pragma GCC unroll 2
    for (int vector = 0; vector < 2; ++vector) {
      const __m512 near = _mm512_castsi512_ps(eight(of, 8 * vector));
      const __m512 far = _mm512_castsi512_ps(eight(of, 8 * vector + 2));
      to[2 * vector] = _mm512_castps_si512(_mm512_shuffle_ps(near, far, 0x88));
      to[2 * vector + 1] = _mm512_castps_si512(_mm512_shuffle_ps(near, far, 0xDD));
    }
  }
  __m512i raised;

 private:
  struct Codes {
    const uint8_t* patterns;
    __m512i signs, shifts;
  };
  // The codes `first`, the next, and both four behind them, of either half of the channels.
  static __m512i eight(const Codes& of, int first) {
    const auto pattern = [&](int i) { return static_cast<int64_t>(kE8p.patterns[of.patterns[first + i]]); };
    const __m512i twice = _mm512_set_epi64(pattern(37), pattern(36), pattern(33), pattern(32), pattern(5), pattern(4),
                                           pattern(1), pattern(0));
    const __m512i bits = _mm512_set1_epi64(static_cast<int64_t>(0x8040201008040201));
    const __m512i from = _mm512_add_epi8(
        _mm512_broadcast_i64x4(_mm256_set_epi64x(0x0505050505050505, 0x0404040404040404, 0x0101010101010101, 0)),
        _mm512_set1_epi8(static_cast<char>(first)));
    const __m512i shifts = _mm512_shuffle_epi8(of.shifts, from);
    const __mmask64 negative = _mm512_test_epi8_mask(_mm512_shuffle_epi8(of.signs, from), bits);
    return _mm512_mask_sub_epi8(_mm512_add_epi8(shifts, twice), negative, shifts, twice);
  }
};

// The multipliers of a group, a lane a channel.
inline __m512i load_multipliers(const uint8_t* group, size_t) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(group));
  const __m128i low_nibbles = _mm_set1_epi8(15);
  return _mm512_cvtepu8_epi32(
      _mm_unpacklo_epi64(_mm_and_si128(both, low_nibbles), _mm_and_si128(_mm_srli_epi16(both, 4), low_nibbles)));
}

// The sums of the lanes of four vectors.
inline __m128i sums_of_lanes(const __m512i* v) {
  const auto interleaved = [](__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  };
  const __m512i low = interleaved(v[0], v[1]), high = interleaved(v[2], v[3]);
  const __m512i quarters = _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
  const __m256i halves = _mm256_add_epi32(_mm512_castsi512_si256(quarters), _mm512_extracti64x4_epi64(quarters, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

// Four groups of inputs, of which the last ones may lie beyond the inputs.
template <size_t kGroup, int kOffset>
struct FourGroups {
  explicit FourGroups(size_t inputs) {
    for (size_t group = 0; group < 4; ++group) {
      const size_t begin = group * kGroup;
      const size_t count = begin < inputs ? at_most(inputs - begin, kGroup) : 0;
      inside[group] = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    }
  }
  void note(int32_t* to, const int8_t* x) const {
    const __m512i offset = _mm512_set1_epi8(static_cast<char>(kOffset));
    __m512i sums[4];
#pragma GCC unroll 4
    for (size_t group = 0; group < 4; ++group)
      sums[group] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), offset,
                                        _mm512_maskz_loadu_epi8(inside[group], x + group * kGroup));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_sub_epi32(_mm_setzero_si128(), sums_of_lanes(sums)));
  }
  __mmask64 inside[4];
};

}  // namespace
}  // namespace mica::simd
