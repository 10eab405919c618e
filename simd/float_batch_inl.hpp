// xsimd batches of floats, and f16 values widened into them: what the float and the key and value kernels load with.
// Included by *_inl.hpp only. Not kernels. Everything here has internal linkage.
#pragma once

#include <xsimd/xsimd.hpp>

#include <cstddef>
#include <cstdint>

#include "float_storage.hpp"

#if defined(__F16C__)
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

}  // namespace
}  // namespace mica::simd
