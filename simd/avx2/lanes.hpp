// Eight floats and what rotations and producers do inside of them, in AVX2 and FMA. Not kernels: rotate_inl.hpp and
// quantize_inl.hpp are. Internal linkage: nothing here leaves the file that includes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

struct Vector {
  static constexpr size_t kWidth = 8;
  static constexpr size_t kLaneBits = 3;
  static constexpr size_t kRadixBits = 3;  // 8 of the 16 registers hold a pass's values

  __m256 lanes;

  static Vector load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vector all(float value) { return {_mm256_set1_ps(value)}; }
  void store(float* p) const { _mm256_storeu_ps(p, lanes); }

  friend Vector operator+(Vector a, Vector b) { return {_mm256_add_ps(a.lanes, b.lanes)}; }
  friend Vector operator-(Vector a, Vector b) { return {_mm256_sub_ps(a.lanes, b.lanes)}; }
  friend Vector operator*(Vector a, Vector b) { return {_mm256_mul_ps(a.lanes, b.lanes)}; }
  // c + a * b and c - a * b, rounded once.
  friend Vector multiply_add(Vector a, Vector b, Vector c) { return {_mm256_fmadd_ps(a.lanes, b.lanes, c.lanes)}; }
  friend Vector multiply_subtract(Vector a, Vector b, Vector c) {
    return {_mm256_fnmadd_ps(a.lanes, b.lanes, c.lanes)};
  }
  // a - b on the ports that multiply, when those that add are busier.
  friend Vector difference_by_product(Vector a, Vector b) {
    __m256 one = _mm256_set1_ps(1.0f);
    asm("" : "+x"(one));  // else compilers would make a subtraction of it
    return {_mm256_fnmadd_ps(b.lanes, one, a.lanes)};
  }

  // Butterflies of the lanes whose numbers differ in bit kBit.
  template <size_t kBit>
  Vector butterfly_of_lanes() const {
    const __m256 x = lanes;
    if constexpr (kBit == 2)
      return {_mm256_fmadd_ps(x, _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1), _mm256_permute2f128_ps(x, x, 1))};
    else if constexpr (kBit == 1)
      return {_mm256_fmadd_ps(x, _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1), _mm256_permute_ps(x, 0x4E))};
    else
      return {_mm256_fmadd_ps(x, _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1), _mm256_permute_ps(x, 0xB1))};
  }

  // Lane i negated where bit i of `bits` is set.
  Vector negated_where(uint32_t bits) const {
    const __m256i ahead = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
    const __m256i signs = _mm256_sllv_epi32(_mm256_set1_epi32(static_cast<int>(bits)), ahead);
    const __m256 sign = _mm256_and_ps(_mm256_castsi256_ps(signs), _mm256_set1_ps(-0.0f));
    return {_mm256_xor_ps(lanes, sign)};
  }
};

// Floats to int8 by the rounding of quantize_kernels.hpp, 32 at a time, and the sum of what was written.
class Quantizer {
 public:
  static constexpr size_t kVectors = 4;

  void put(const Vector* v, int8_t* dst) {
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

  int32_t sum() const {
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums_), _mm256_extracti128_si256(sums_, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
  }

 private:
  // Beyond the range of int32 a conversion gives the lowest number, right for negative values only: hence the minimum.
  // It also returns its second operand for NaN.
  static __m256i rounded(const Vector& v) { return _mm256_cvtps_epi32(_mm256_min_ps(v.lanes, _mm256_set1_ps(127.0f))); }

  __m256i sums_ = _mm256_setzero_si256();
};

}  // namespace
}  // namespace mica::simd
