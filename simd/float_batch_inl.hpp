// xsimd batches of floats, f16 values widened into them, and what xsimd 8 (Debian 12) does slowly with AVX-512.
// Included by *_inl.hpp only. Not kernels. Everything here has internal linkage.
#pragma once

#include <xsimd/xsimd.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "float_storage.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace mica::simd {
namespace {

using Batch = xsimd::batch<float>;
constexpr size_t kWidth = Batch::size;

inline Batch load(const float* p) { return Batch::load_unaligned(p); }
inline void store(float* p, const Batch& v) { v.store_unaligned(p); }

// a * b + c, rounded once; xsimd 8 multiplies and adds apart with AVX-512, in twice the time.
inline Batch fused_multiply_add(const Batch& a, const Batch& b, const Batch& c) {
#if defined(__AVX512F__)
  return Batch(_mm512_fmadd_ps(a, b, c));
#else
  return xsimd::fma(a, b, c);
#endif
}

// x[i] <- e^x[i] within 2e-7 of its value; 0 below e^-87.3, e^88 above it. A NaN stays one. x = n ln 2 + r with |r| <=
// ln 2 / 2, of which a polynomial of degree 7 (Cephes, expf) makes e^r. Several batches go step by step beside each
// other: one after the other their long chains would fill the scheduler.
template <size_t kCount>
inline void exponentials(Batch (&x)[kCount]) {
  using Integers = xsimd::batch<int32_t>;
  constexpr float kCoefficients[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                     4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  const Batch rounder(12582912.0f);  // 1.5 * 2^23: its last place is one
  Batch shifted[kCount], r[kCount], power[kCount];
  for (size_t i = 0; i < kCount; ++i) r[i] = xsimd::min(Batch(88.0f), x[i]);
  for (size_t i = 0; i < kCount; ++i) shifted[i] = fused_multiply_add(r[i], Batch(1.44269504f), rounder);
  for (size_t i = 0; i < kCount; ++i) power[i] = shifted[i] - rounder;
  for (size_t i = 0; i < kCount; ++i) r[i] = fused_multiply_add(power[i], Batch(-0.693359375f), r[i]);
  for (size_t i = 0; i < kCount; ++i) r[i] = fused_multiply_add(power[i], Batch(2.12194440e-4f), r[i]);
  for (size_t i = 0; i < kCount; ++i) power[i] = Batch(kCoefficients[0]);
  for (size_t c = 1; c < std::size(kCoefficients); ++c)
    for (size_t i = 0; i < kCount; ++i) power[i] = fused_multiply_add(power[i], r[i], Batch(kCoefficients[c]));
  for (size_t i = 0; i < kCount; ++i) power[i] = fused_multiply_add(power[i], r[i] * r[i], r[i]);
  for (size_t i = 0; i < kCount; ++i) power[i] = power[i] + Batch(1.0f);
  for (size_t i = 0; i < kCount; ++i) {
    const Integers exponent = xsimd::bitwise_cast<Integers>(shifted[i]) << 23;
    const Batch result = xsimd::bitwise_cast<Batch>(xsimd::bitwise_cast<Integers>(power[i]) + exponent);
    x[i] = xsimd::select(x[i] < Batch(-87.3f), Batch(0.0f), result);
  }
}

inline Batch exponential(const Batch& x) {
  Batch one[1] = {x};
  exponentials(one);
  return one[0];
}

inline void widen_lanes_f16(float* dst, const uint16_t* src) {
#if defined(__AVX512F__)
  _mm512_storeu_ps(dst, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(src))));
#elif defined(__F16C__)
  _mm256_storeu_ps(dst, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src))));
#elif defined(__aarch64__)
  vst1q_f32(dst, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(src))));
#else
  for (size_t i = 0; i < kWidth; ++i) dst[i] = widen_half(src[i]);
#endif
}

inline Batch load_f16(const uint16_t* src) {
#if defined(__AVX512F__)
  return Batch(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(src))));
#elif defined(__F16C__)
  return Batch(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src))));
#elif defined(__aarch64__)
  return Batch(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(src))));
#else
  alignas(64) float lanes[kWidth];
  widen_lanes_f16(lanes, src);
  return Batch::load_aligned(lanes);
#endif
}

// Bytes, as floats from 0 to 255.
inline Batch load_u8(const uint8_t* src) {
#if defined(__AVX512F__)
  return Batch(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src)))));
#elif defined(__AVX2__)
  return Batch(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(src)))));
#elif defined(__aarch64__)
  uint32_t four;
  std::memcpy(&four, src, sizeof(four));
  return Batch(vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four))))));
#else
  alignas(64) float lanes[kWidth];
  for (size_t i = 0; i < kWidth; ++i) lanes[i] = src[i];
  return Batch::load_aligned(lanes);
#endif
}

// Rounded to nearest, ties to even.
inline void narrow_f16(uint16_t* dst, const float* src, size_t n) {
  size_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__aarch64__)
  for (; i + 4 <= n; i += 4) vst1_u16(dst + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(src + i))));
#endif
  for (; i < n; ++i) dst[i] = narrow_half(src[i]);
}

}  // namespace
}  // namespace mica::simd
