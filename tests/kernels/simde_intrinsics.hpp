// x86 intrinsics by SIMDe: what x86_intrinsics.hpp includes where the AVX-512 sources are compiled for the tests of any
// machine. With what Debian's SIMDe (0.7.4) lacks, and multiply-add rounded once as the instruction does. Not fast.
#pragma once

#include <cmath>
#include <cstdint>

#define SIMDE_ENABLE_NATIVE_ALIASES
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wundef"
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#pragma GCC diagnostic pop

#include "float_storage.hpp"

typedef simde__mmask16 __mmask16;
typedef simde__mmask32 __mmask32;
typedef simde__mmask64 __mmask64;

namespace mica::simde {
namespace {

union Lanes {
  explicit Lanes(__m512 v) : whole(v) {}
  explicit Lanes(__m512i v) : integers(v) {}
  __m512 whole;
  __m512i integers;
  float f32[16];
  int32_t i32[16];
};

// Lane i is term(i).
template <class Term>
inline __m512 floats(Term term) {
  Lanes result(simde_mm512_setzero_ps());
  for (int i = 0; i < 16; ++i) result.f32[i] = term(i);
  return result.whole;
}

inline __m512 fmadd_ps(__m512 a, __m512 b, __m512 c) {
  const Lanes x(a), y(b), z(c);
  return floats([&](int i) { return std::fma(x.f32[i], y.f32[i], z.f32[i]); });
}

inline __m512 fnmadd_ps(__m512 a, __m512 b, __m512 c) {
  const Lanes x(a), y(b), z(c);
  return floats([&](int i) { return std::fma(-x.f32[i], y.f32[i], z.f32[i]); });
}

inline __m512 permute_ps(__m512 a, int control) {
  const Lanes x(a);
  return floats([&](int i) { return x.f32[(i & ~3) | (control >> 2 * (i & 3) & 3)]; });
}

inline __m512 shuffle_f32x4(__m512 a, __m512 b, int control) {
  const Lanes x(a), y(b);
  return floats([&](int i) { return (i < 8 ? x : y).f32[(control >> 2 * (i / 4) & 3) * 4 + i % 4]; });
}

inline __m512 cvtepi32_ps(__m512i a) {
  const Lanes x(a);
  return floats([&](int i) { return static_cast<float>(x.i32[i]); });
}

inline __m512i cvtps_epi32(__m512 a) {
  const Lanes x(a);
  Lanes result(simde_mm512_setzero_si512());
  for (int i = 0; i < 16; ++i) {
    // Out of range, and what is not a number, give the smallest integer.
    const bool fits = x.f32[i] >= -2147483648.0f && x.f32[i] < 2147483648.0f;
    result.i32[i] = fits ? static_cast<int32_t>(std::nearbyint(x.f32[i])) : INT32_MIN;
  }
  return result.integers;
}

inline __m512i cvtepu8_epi32(__m128i a) {
  uint8_t bytes[16];
  simde_mm_storeu_si128(bytes, a);
  Lanes result(simde_mm512_setzero_si512());
  for (int i = 0; i < 16; ++i) result.i32[i] = bytes[i];
  return result.integers;
}

inline __m512i cvtepu16_epi32(__m256i a) {
  uint16_t words[16];
  simde_mm256_storeu_si256(words, a);
  Lanes result(simde_mm512_setzero_si512());
  for (int i = 0; i < 16; ++i) result.i32[i] = words[i];
  return result.integers;
}

inline __m512i maskz_loadu_epi8(__mmask64 inside, const void* from) {
  uint8_t bytes[64] = {};
  for (int i = 0; i < 64; ++i)
    if (inside >> i & 1) bytes[i] = static_cast<const uint8_t*>(from)[i];
  return simde_mm512_loadu_si512(bytes);
}

inline __m512 cvtph_ps(__m256i a) {
  uint16_t halves[16];
  simde_mm256_storeu_si256(halves, a);
  return floats([&](int i) { return simd::widen_half(halves[i]); });
}

}  // namespace
}  // namespace mica::simde

#undef _mm512_fmadd_ps
#undef _mm512_fnmadd_ps
#define _mm512_fmadd_ps mica::simde::fmadd_ps
#define _mm512_fnmadd_ps mica::simde::fnmadd_ps
#define _mm512_permute_ps mica::simde::permute_ps
#define _mm512_shuffle_f32x4 mica::simde::shuffle_f32x4
#define _mm512_cvtepi32_ps mica::simde::cvtepi32_ps
#define _mm512_cvtps_epi32 mica::simde::cvtps_epi32
#define _mm512_cvtepu8_epi32 mica::simde::cvtepu8_epi32
#define _mm512_cvtepu16_epi32 mica::simde::cvtepu16_epi32
#define _mm512_maskz_loadu_epi8 mica::simde::maskz_loadu_epi8
#define _mm512_cvtph_ps mica::simde::cvtph_ps
