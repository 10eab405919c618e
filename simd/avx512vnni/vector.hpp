// The vectors of level avx512vnni: sixteen floats (F32), sixteen integers (S32), 64 bytes (U8), and how one becomes the
// other. What all
// sources in vector/ are written on; not kernels. Internal linkage: nothing here leaves the file that includes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

inline __m512i load_512(const void* from) { return _mm512_loadu_si512(from); }
inline void store_512(void* to, __m512i a) { _mm512_storeu_si512(to, a); }
// An accumulator as it stands: GCC would keep a copy of each of two dozen on the stack.
#ifdef MICA_SIMDE
inline void hold(__m512i&) {}
#else
inline void hold(__m512i& accumulator) { asm("" : "+v"(accumulator)); }
#endif
inline __m256i load_half_512(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }

// Four bytes, in every group of four.
inline __m512i broadcast_4_512(const void* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  return _mm512_set1_epi32(four);
}

struct F32 {
  static constexpr size_t kWidth = 16;
  static constexpr size_t kLaneBits = 4;
  static constexpr size_t kRadixBits = 4;     // 16 of the 32 registers hold a rotation pass's values
  static constexpr size_t kProductRows = 10;  // by two vectors: 20 sums, 2 columns and a broadcast

  __m512 lanes;

  static F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static F32 all(float value) { return {_mm512_set1_ps(value)}; }
  void store(float* p) const { _mm512_storeu_ps(p, lanes); }
  float first() const { return _mm_cvtss_f32(_mm512_castps512_ps128(lanes)); }

  // float16, bfloat16 and unsigned bytes, widened.
  static F32 load_f16(const uint16_t* p) { return {_mm512_cvtph_ps(load_half_512(p))}; }
  static F32 load_bf16(const uint16_t* p) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load_half_512(p)), 16))};
  }
  static F32 load_u8(const uint8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
  }

  friend F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.lanes, b.lanes)}; }
  friend F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.lanes, b.lanes)}; }
  friend F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.lanes, b.lanes)}; }
  friend F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.lanes, b.lanes)}; }
  F32 operator-() const { return {_mm512_sub_ps(_mm512_setzero_ps(), lanes)}; }
  // c + a * b and c - a * b, rounded once.
  friend F32 multiply_add(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.lanes, b.lanes, c.lanes)}; }
  friend F32 multiply_subtract(F32 a, F32 b, F32 c) { return {_mm512_fnmadd_ps(a.lanes, b.lanes, c.lanes)}; }
  // Where one of them is not a number: b.
  friend F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.lanes, b.lanes)}; }
  friend F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.lanes, b.lanes)}; }
  friend F32 magnitude(F32 a) { return {_mm512_abs_ps(a.lanes)}; }
  // a < b ? then : otherwise
  friend F32 where_less(F32 a, F32 b, F32 then, F32 otherwise) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.lanes, b.lanes, _CMP_LT_OQ), otherwise.lanes, then.lanes)};
  }
  // All lanes in a tree: halves, then quarters.
  friend float sum_of_lanes(F32 v) {
    const __m256 eight = _mm256_add_ps(v.high_half(), _mm512_castps512_ps256(v.lanes));
    const __m128 four = _mm_add_ps(_mm256_extractf128_ps(eight, 1), _mm256_castps256_ps128(eight));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  friend float greatest_lane(F32 v) {
    const __m256 eight = _mm256_max_ps(v.high_half(), _mm512_castps512_ps256(v.lanes));
    const __m128 four = _mm_max_ps(_mm256_extractf128_ps(eight, 1), _mm256_castps256_ps128(eight));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
  // a - b on the ports that multiply, when those that add are busier.
  friend F32 difference_by_product(F32 a, F32 b) {
    __m512 one = _mm512_set1_ps(1.0f);
#ifndef MICA_SIMDE
    asm("" : "+v"(one));  // else compilers would make a subtraction of it
#endif
    return {_mm512_fnmadd_ps(b.lanes, one, a.lanes)};
  }

  // Butterflies of the lanes whose numbers differ in bit kBit.
  template <size_t kBit>
  F32 butterfly_of_lanes() const {
    const __m512 x = lanes;
    if constexpr (kBit == 3)
      return {_mm512_fmadd_ps(x, _mm512_setr_ps(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1),
                              _mm512_shuffle_f32x4(x, x, 0x4E))};
    else if constexpr (kBit == 2)
      return {_mm512_fmadd_ps(x, _mm512_setr_ps(1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1),
                              _mm512_shuffle_f32x4(x, x, 0xB1))};
    else if constexpr (kBit == 1)
      return {_mm512_fmadd_ps(x, _mm512_setr_ps(1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1),
                              _mm512_permute_ps(x, 0x4E))};
    else
      return {_mm512_fmadd_ps(x, _mm512_setr_ps(1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1),
                              _mm512_permute_ps(x, 0xB1))};
  }

  // Lane i negated where bit i of `bits` is set.
  F32 negated_where(uint32_t bits) const {
    return {_mm512_mask_sub_ps(lanes, static_cast<__mmask16>(bits), _mm512_set1_ps(-0.0f), lanes)};
  }

 private:
  __m256 high_half() const { return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(lanes), 1)); }
};

// Floats to float16 at `to`, rounded to nearest, ties to even; so many at a time.
constexpr size_t kNarrowed = 8;
inline void narrow_f16_lanes(uint16_t* to, const float* from) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT));
}

struct S32 {
  static constexpr size_t kWidth = 16;

  __m512i lanes;

  static S32 load(const int32_t* p) { return {load_512(p)}; }
  static S32 all(int32_t value) { return {_mm512_set1_epi32(value)}; }
  void store(int32_t* p) const { store_512(p, lanes); }

  friend S32 operator+(S32 a, S32 b) { return {_mm512_add_epi32(a.lanes, b.lanes)}; }
  friend S32 operator-(S32 a, S32 b) { return {_mm512_sub_epi32(a.lanes, b.lanes)}; }
  // Shifted left by 23, to where a float has its exponent.
  S32 as_exponent() const { return {_mm512_slli_epi32(lanes, 23)}; }
  friend S32 max(S32 a, S32 b) { return {_mm512_max_epi32(a.lanes, b.lanes)}; }
  friend int32_t greatest_lane(S32 v) {
    const __m256i eight =
        _mm256_max_epi32(_mm512_castsi512_si256(v.lanes), _mm512_extracti64x4_epi64(v.lanes, 1));
    const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    const __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
  }

  // The nearest integers, ties to even.
  static S32 nearest(F32 v) { return {_mm512_cvtps_epi32(v.lanes)}; }
  F32 to_float() const { return {_mm512_cvtepi32_ps(lanes)}; }
  static S32 of_bits(F32 v) { return {_mm512_castps_si512(v.lanes)}; }
  F32 as_bits() const { return {_mm512_castsi512_ps(lanes)}; }
};

inline int32_t sum_of_lanes(__m256i lanes) {
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
}

inline int32_t sum_of_lanes(__m512i lanes) {
  return sum_of_lanes(_mm256_add_epi32(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1)));
}

// Activations as 16-bit integers for products with unsigned bytes: of each 64 the upper bytes, then the lower ones,
// both signed, so that the greatest is 127 * 256 + 127. 32 of them, from word 32 * group on; sums become those of each
// 16.
constexpr float kWordMost = 32639;
inline void store_words(int16_t* words, size_t group, const float* x, float inverse, int32_t* sums) {
  const __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), _mm512_set1_ps(inverse)));
  const __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), _mm512_set1_ps(inverse)));
  sums[0] = sum_of_lanes(low);
  sums[1] = sum_of_lanes(high);
  const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtsepi32_epi16(low)),
                                          _mm512_cvtsepi32_epi16(high), 1);
  const __m512i upper = _mm512_srai_epi16(_mm512_add_epi16(both, _mm512_set1_epi16(128)), 8);
  auto* to = reinterpret_cast<__m256i*>(words + group / 2 * 64) + group % 2;
  _mm256_storeu_si256(to, _mm512_cvtepi16_epi8(upper));
  _mm256_storeu_si256(to + 2, _mm512_cvtepi16_epi8(both));
}

// To `total` the products of 64 codes from 0 on, pair kPair of 32 of a span, with words from 32 * group on, group even,
// times the scale of each kGroup of the span.
template <size_t kGroup, size_t kPair, class Bytes32>
inline F32 add_products(F32 total, Bytes32 low, Bytes32 high, const int16_t* words, size_t group, const float* scales) {
  const __m512i codes = _mm512_inserti64x4(_mm512_castsi256_si512(reinterpret_cast<__m256i>(low)),
                                           reinterpret_cast<__m256i>(high), 1);
  const __m512i upper = load_512(words + group * 32), lower = load_512(words + group * 32 + 32);
  const __m512i sum = _mm512_slli_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), codes, upper), 8);
  const __m512 products = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(sum, codes, lower));
  constexpr int kFirst = kPair * 64 / kGroup, kStep = kGroup == 16, a = kFirst + kStep, b = kFirst + 1 + kStep,
                c = kFirst + 1 + 2 * kStep;
  const __m512i place = _mm512_setr_epi32(kFirst, kFirst, kFirst, kFirst, a, a, a, a, b, b, b, b, c, c, c, c);
  __m512 all;
  if constexpr (kGroup == 16) all = _mm512_loadu_ps(scales);
  else all = _mm512_castps256_ps512(_mm256_loadu_ps(scales));
  return {_mm512_fmadd_ps(_mm512_permutexvar_ps(place, all), products, total.lanes)};
}

// 64 bytes.
struct U8 {
  static constexpr size_t kWidth = 64;
  // Of heads by vectors of codes whose sums stay in registers while tables are read.
  static constexpr size_t kTableHeads = 6, kTableVectors = 2;

  __m512i lanes;

  static U8 load(const uint8_t* p) { return {load_512(p)}; }
  // In runs of 32, `stride` apart.
  static U8 load_runs(const uint8_t* p, size_t stride) {
    return {_mm512_inserti64x4(_mm512_castsi256_si512(load_half_512(p)), load_half_512(p + stride), 1)};
  }
  friend U8 operator+(U8 a, U8 b) { return {_mm512_add_epi8(a.lanes, b.lanes)}; }
  U8 low_nibbles() const { return {_mm512_and_si512(lanes, _mm512_set1_epi8(15))}; }
  U8 high_nibbles() const { return U8{_mm512_srli_epi16(lanes, 4)}.low_nibbles(); }
};

// A table of 16 bytes, read by 64 nibbles at once.
struct Table16 {
  __m512i lanes;

  static Table16 load(const uint8_t* p) {
    return {_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  U8 at(U8 nibbles) const { return {_mm512_shuffle_epi8(lanes, nibbles.lanes)}; }
};

// U8s added up in 16 bits: as at level avx2, whole 16-bit lanes and their odd bytes.
class ByteSums {
 public:
  void clear() { both_ = odd_ = _mm512_setzero_si512(); }
  void twice() {
    both_ = _mm512_add_epi16(both_, both_);
    odd_ = _mm512_add_epi16(odd_, odd_);
  }
  void add(U8 v) {
    both_ = _mm512_add_epi16(both_, v.lanes);
    odd_ = _mm512_add_epi16(odd_, _mm512_srli_epi16(v.lanes, 8));
  }
  void store(uint16_t* totals) const {
    const __m512i even = _mm512_sub_epi16(both_, _mm512_slli_epi16(odd_, 8));
    const __m512i near = _mm512_unpacklo_epi16(even, odd_), far = _mm512_unpackhi_epi16(even, odd_);
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i last = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    _mm512_storeu_si512(totals, _mm512_permutex2var_epi64(near, first, far));
    _mm512_storeu_si512(totals + 32, _mm512_permutex2var_epi64(near, last, far));
  }

 private:
  __m512i both_, odd_;
};

// Integers from 0 to 127 to bytes, 32 at a time, and the sum of what was written.
class ByteWriter {
 public:
  static constexpr size_t kVectors = 2;

  void put(const S32* v, uint8_t* to) {
    for (size_t i = 0; i < kVectors; ++i) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16 * i), _mm512_cvtsepi32_epi8(v[i].lanes));
      sums_ = _mm512_add_epi32(sums_, v[i].lanes);
    }
  }

  int32_t sum() const {
    return sum_of_lanes(_mm256_add_epi32(_mm512_castsi512_si256(sums_), _mm512_extracti64x4_epi64(sums_, 1)));
  }

 private:
  __m512i sums_ = _mm512_setzero_si512();
};

// Floats to int8 by the rounding of quantize_kernels.hpp, 32 at a time, and the sum of what was written.
class Quantizer {
 public:
  static constexpr size_t kVectors = 2;

  void put(const F32* v, int8_t* dst) {
    // Packing works within 128-bit quarters: four values of each vector, four times.
    const __m256i mixed = _mm512_cvtsepi16_epi8(_mm512_packs_epi32(rounded(v[0]), rounded(v[1])));
    __m256i bytes = _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
    bytes = _mm256_max_epi8(bytes, _mm256_set1_epi8(-127));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), bytes);
    sums_ = _mm256_dpbusd_epi32(sums_, _mm256_set1_epi8(1), bytes);
  }

  int32_t sum() const { return sum_of_lanes(sums_); }

 private:
  // Beyond the range of int32 a conversion gives the lowest number, right for negative values only: hence the minimum.
  // It also returns its second operand for NaN.
  static __m512i rounded(F32 v) { return _mm512_cvtps_epi32(_mm512_min_ps(v.lanes, _mm512_set1_ps(127.0f))); }

  __m256i sums_ = _mm256_setzero_si256();
};

}  // namespace
}  // namespace mica::simd
