// Sixteen floats and what rotations and producers do inside of them, in AVX-512. Not kernels: rotate_inl.hpp and
// quantize_inl.hpp are. Internal linkage: nothing here leaves the file that includes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

struct Vector {
  static constexpr size_t kWidth = 16;
  static constexpr size_t kLaneBits = 4;
  static constexpr size_t kRadixBits = 4;  // 16 of the 32 registers hold a pass's values

  __m512 lanes;

  static Vector load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vector all(float value) { return {_mm512_set1_ps(value)}; }
  void store(float* p) const { _mm512_storeu_ps(p, lanes); }

  friend Vector operator+(Vector a, Vector b) { return {_mm512_add_ps(a.lanes, b.lanes)}; }
  friend Vector operator-(Vector a, Vector b) { return {_mm512_sub_ps(a.lanes, b.lanes)}; }
  friend Vector operator*(Vector a, Vector b) { return {_mm512_mul_ps(a.lanes, b.lanes)}; }
  // c + a * b and c - a * b, rounded once.
  friend Vector multiply_add(Vector a, Vector b, Vector c) { return {_mm512_fmadd_ps(a.lanes, b.lanes, c.lanes)}; }
  friend Vector multiply_subtract(Vector a, Vector b, Vector c) {
    return {_mm512_fnmadd_ps(a.lanes, b.lanes, c.lanes)};
  }

  // a - b on the ports that multiply, when those that add are busier.
  friend Vector difference_by_product(Vector a, Vector b) {
    __m512 one = _mm512_set1_ps(1.0f);
#ifndef MICA_SIMDE
    asm("" : "+v"(one));  // else compilers would make a subtraction of it
#endif
    return {_mm512_fnmadd_ps(b.lanes, one, a.lanes)};
  }

  // Butterflies of the lanes whose numbers differ in bit kBit.
  template <size_t kBit>
  Vector butterfly_of_lanes() const {
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
  Vector negated_where(uint32_t bits) const {
    return {_mm512_mask_sub_ps(lanes, static_cast<__mmask16>(bits), _mm512_set1_ps(-0.0f), lanes)};
  }
};

// Floats to int8 by the rounding of quantize_kernels.hpp, 32 at a time, and the sum of what was written.
class Quantizer {
 public:
  static constexpr size_t kVectors = 2;

  void put(const Vector* v, int8_t* dst) {
    // Packing works within 128-bit quarters: four values of each vector, four times.
    const __m256i mixed = _mm512_cvtsepi16_epi8(_mm512_packs_epi32(rounded(v[0]), rounded(v[1])));
    __m256i bytes = _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
    bytes = _mm256_max_epi8(bytes, _mm256_set1_epi8(-127));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), bytes);
    sums_ = _mm256_dpbusd_epi32(sums_, _mm256_set1_epi8(1), bytes);
  }

  int32_t sum() const {
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums_), _mm256_extracti128_si256(sums_, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
  }

 private:
  // Beyond the range of int32 a conversion gives the lowest number, right for negative values only: hence the minimum.
  // It also returns its second operand for NaN.
  static __m512i rounded(const Vector& v) { return _mm512_cvtps_epi32(_mm512_min_ps(v.lanes, _mm512_set1_ps(127.0f))); }

  __m256i sums_ = _mm256_setzero_si256();
};

}  // namespace
}  // namespace mica::simd
