// The vectors of level avx2: eight floats (F32), eight integers (S32), 32 bytes (U8), and how one becomes the other. What all sources in
// vector/ are written on; not kernels. Internal linkage: nothing here leaves the file that includes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

inline __m256i load_256(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
inline void store_256(void* to, __m256i a) { _mm256_storeu_si256(static_cast<__m256i*>(to), a); }
inline __m128i load_128(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }

// Four bytes, in every group of four.
inline __m256i broadcast_4(const void* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  return _mm256_set1_epi32(four);
}

// An accumulator as it stands, so that compilers keep the order of additions: GCC would reorder them into a tree that
// needs eighty registers, and spill.
#ifndef MICA_SIMDE
inline void hold(__m256i& accumulator) { asm("" : "+x"(accumulator)); }
#endif

inline int32_t sum_of_lanes(__m256i lanes) {
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
}

struct F32 {
  static constexpr size_t kWidth = 8;
  static constexpr size_t kLaneBits = 3;
  static constexpr size_t kRadixBits = 3;    // 8 of the 16 registers hold a rotation pass's values
  static constexpr size_t kProductRows = 6;  // by two vectors: 12 sums, 2 columns and a broadcast fill the registers

  __m256 lanes;

  static F32 load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static F32 all(float value) { return {_mm256_set1_ps(value)}; }
  void store(float* p) const { _mm256_storeu_ps(p, lanes); }
  float first() const { return _mm256_cvtss_f32(lanes); }

  // float16, bfloat16 and unsigned bytes, widened.
  static F32 load_f16(const uint16_t* p) { return {_mm256_cvtph_ps(load_128(p))}; }
  static F32 load_bf16(const uint16_t* p) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_128(p)), 16))};
  }
  static F32 load_u8(const uint8_t* p) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
  }

  friend F32 operator+(F32 a, F32 b) { return {_mm256_add_ps(a.lanes, b.lanes)}; }
  friend F32 operator-(F32 a, F32 b) { return {_mm256_sub_ps(a.lanes, b.lanes)}; }
  friend F32 operator*(F32 a, F32 b) { return {_mm256_mul_ps(a.lanes, b.lanes)}; }
  friend F32 operator/(F32 a, F32 b) { return {_mm256_div_ps(a.lanes, b.lanes)}; }
  F32 operator-() const { return {_mm256_xor_ps(lanes, _mm256_set1_ps(-0.0f))}; }
  // c + a * b and c - a * b, rounded once.
  friend F32 multiply_add(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.lanes, b.lanes, c.lanes)}; }
  friend F32 multiply_subtract(F32 a, F32 b, F32 c) { return {_mm256_fnmadd_ps(a.lanes, b.lanes, c.lanes)}; }
  // Where one of them is not a number: b.
  friend F32 min(F32 a, F32 b) { return {_mm256_min_ps(a.lanes, b.lanes)}; }
  friend F32 max(F32 a, F32 b) { return {_mm256_max_ps(a.lanes, b.lanes)}; }
  friend F32 magnitude(F32 a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.lanes)}; }
  // a < b ? then : otherwise
  friend F32 where_less(F32 a, F32 b, F32 then, F32 otherwise) {
    return {_mm256_blendv_ps(otherwise.lanes, then.lanes, _mm256_cmp_ps(a.lanes, b.lanes, _CMP_LT_OQ))};
  }
  // All lanes in a tree: halves, then quarters.
  friend float sum_of_lanes(F32 v) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v.lanes), _mm256_extractf128_ps(v.lanes, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  friend float greatest_lane(F32 v) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v.lanes), _mm256_extractf128_ps(v.lanes, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
  // a - b on the ports that multiply, when those that add are busier.
  friend F32 difference_by_product(F32 a, F32 b) {
    __m256 one = _mm256_set1_ps(1.0f);
    asm("" : "+x"(one));  // else compilers would make a subtraction of it
    return {_mm256_fnmadd_ps(b.lanes, one, a.lanes)};
  }

  // Butterflies of the lanes whose numbers differ in bit kBit.
  template <size_t kBit>
  F32 butterfly_of_lanes() const {
    const __m256 x = lanes;
    if constexpr (kBit == 2)
      return {_mm256_fmadd_ps(x, _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1), _mm256_permute2f128_ps(x, x, 1))};
    else if constexpr (kBit == 1)
      return {_mm256_fmadd_ps(x, _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1), _mm256_permute_ps(x, 0x4E))};
    else
      return {_mm256_fmadd_ps(x, _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1), _mm256_permute_ps(x, 0xB1))};
  }

  // Lane i negated where bit i of `bits` is set.
  F32 negated_where(uint32_t bits) const {
    const __m256i ahead = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
    const __m256i signs = _mm256_sllv_epi32(_mm256_set1_epi32(static_cast<int>(bits)), ahead);
    const __m256 sign = _mm256_and_ps(_mm256_castsi256_ps(signs), _mm256_set1_ps(-0.0f));
    return {_mm256_xor_ps(lanes, sign)};
  }
};

// Floats to float16 at `to`, rounded to nearest, ties to even; so many at a time.
constexpr size_t kNarrowed = 8;
inline void narrow_f16_lanes(uint16_t* to, const float* from) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT));
}

struct S32 {
  static constexpr size_t kWidth = 8;

  __m256i lanes;

  static S32 load(const int32_t* p) { return {load_256(p)}; }
  static S32 all(int32_t value) { return {_mm256_set1_epi32(value)}; }
  void store(int32_t* p) const { store_256(p, lanes); }

  friend S32 operator+(S32 a, S32 b) { return {_mm256_add_epi32(a.lanes, b.lanes)}; }
  friend S32 operator-(S32 a, S32 b) { return {_mm256_sub_epi32(a.lanes, b.lanes)}; }
  // Shifted left by 23, to where a float has its exponent.
  S32 as_exponent() const { return {_mm256_slli_epi32(lanes, 23)}; }
  friend S32 max(S32 a, S32 b) { return {_mm256_max_epi32(a.lanes, b.lanes)}; }
  friend int32_t greatest_lane(S32 v) {
    const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(v.lanes), _mm256_extracti128_si256(v.lanes, 1));
    const __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
  }

  // The nearest integers, ties to even.
  static S32 nearest(F32 v) { return {_mm256_cvtps_epi32(v.lanes)}; }
  F32 to_float() const { return {_mm256_cvtepi32_ps(lanes)}; }
  static S32 of_bits(F32 v) { return {_mm256_castps_si256(v.lanes)}; }
  F32 as_bits() const { return {_mm256_castsi256_ps(lanes)}; }
};

// 32 bytes.
struct U8 {
  static constexpr size_t kWidth = 32;
  // Of heads by vectors of codes whose sums stay in registers while tables are read.
  static constexpr size_t kTableHeads = 3, kTableVectors = 1;

  __m256i lanes;

  static U8 load(const uint8_t* p) { return {load_256(p)}; }
  // In runs of 32, `stride` apart.
  static U8 load_runs(const uint8_t* p, size_t) { return load(p); }
  friend U8 operator+(U8 a, U8 b) { return {_mm256_add_epi8(a.lanes, b.lanes)}; }
  U8 low_nibbles() const { return {_mm256_and_si256(lanes, _mm256_set1_epi8(15))}; }
  U8 high_nibbles() const { return U8{_mm256_srli_epi16(lanes, 4)}.low_nibbles(); }
};

// A table of 16 bytes, read by 32 nibbles at once.
struct Table16 {
  __m256i lanes;

  static Table16 load(const uint8_t* p) { return {_mm256_broadcastsi128_si256(load_128(p))}; }
  U8 at(U8 nibbles) const { return {_mm256_shuffle_epi8(lanes, nibbles.lanes)}; }
};

// U8s added up in 16 bits, without unpacking (as FAISS's fast scan): one sum takes whole 16-bit lanes, the other
// their odd bytes; what the odd ones put into the first is taken off at the end.
class ByteSums {
 public:
  void clear() { both_ = odd_ = _mm256_setzero_si256(); }
  void twice() {
    both_ = _mm256_add_epi16(both_, both_);
    odd_ = _mm256_add_epi16(odd_, odd_);
  }
  void add(U8 v) {
    both_ = _mm256_add_epi16(both_, v.lanes);
    odd_ = _mm256_add_epi16(odd_, _mm256_srli_epi16(v.lanes, 8));
  }
  void store(uint16_t* totals) const {
    const __m256i even = _mm256_sub_epi16(both_, _mm256_slli_epi16(odd_, 8));
    const __m256i near = _mm256_unpacklo_epi16(even, odd_), far = _mm256_unpackhi_epi16(even, odd_);
    auto* out = reinterpret_cast<__m256i*>(totals);
    _mm256_storeu_si256(out, _mm256_permute2x128_si256(near, far, 0x20));
    _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(near, far, 0x31));
  }

 private:
  __m256i both_, odd_;
};

// Integers from 0 to 127 to bytes, 32 at a time, and the sum of what was written.
class ByteWriter {
 public:
  static constexpr size_t kVectors = 4;

  void put(const S32* v, uint8_t* to) {
    const __m256i low = _mm256_packs_epi32(v[0].lanes, v[1].lanes);
    const __m256i high = _mm256_packs_epi32(v[2].lanes, v[3].lanes);
    // Packing works within 128-bit halves: four bytes of each vector, twice.
    const __m256i bytes =
        _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    store_256(to, bytes);
    sums_ = _mm256_add_epi64(sums_, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
  }

  int32_t sum() const { return sum_of_lanes(sums_); }

 private:
  __m256i sums_ = _mm256_setzero_si256();
};

// Floats to int8 by the rounding of quantize_kernels.hpp, 32 at a time, and the sum of what was written.
class Quantizer {
 public:
  static constexpr size_t kVectors = 4;

  void put(const F32* v, int8_t* dst) {
    const __m256i low = _mm256_packs_epi32(rounded(v[0]), rounded(v[1]));
    const __m256i high = _mm256_packs_epi32(rounded(v[2]), rounded(v[3]));
    // Packing works within 128-bit halves: four bytes of each vector, twice.
    __m256i bytes =
        _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    bytes = _mm256_max_epi8(bytes, _mm256_set1_epi8(-127));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), bytes);
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
    sums_ = _mm256_add_epi32(sums_, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }

  int32_t sum() const { return sum_of_lanes(sums_); }

 private:
  // Beyond the range of int32 a conversion gives the lowest number, right for negative values only: hence the minimum.
  // It also returns its second operand for NaN.
  static __m256i rounded(F32 v) { return _mm256_cvtps_epi32(_mm256_min_ps(v.lanes, _mm256_set1_ps(127.0f))); }

  __m256i sums_ = _mm256_setzero_si256();
};

}  // namespace
}  // namespace mica::simd

#include <stored_words_inl.hpp>
