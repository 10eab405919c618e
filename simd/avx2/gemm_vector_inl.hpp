// What the integer products share at level avx2: loads, and vectors of eight floats for gemm_epilogue_inl.hpp. Not a
// product.
#pragma once

#include <cstddef>
#include <cstdint>

#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

inline __m256i load_256(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
inline void store_256(void* to, __m256i a) { _mm256_storeu_si256(static_cast<__m256i*>(to), a); }

// Four activations of a row in every group of four bytes.
inline __m256i broadcast_4(const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  return _mm256_set1_epi32(four);
}

// Sends for what a stream of weights meets next, in two steps. To the first level at once, a core waits for one of its
// sixteen misses there: on Golden Cove 0.82 of a plain read with one thread and 0.75 with two. The second level has 48,
// so 12 KB ahead (six times what arrives in the 120 ns of an access, for a busy memory) lines go there, and 2 KB ahead
// to the first: 0.94 and 0.95.
inline void prefetch_stream(const uint8_t* panel) {
  _mm_prefetch(reinterpret_cast<const char*>(panel + 12288), _MM_HINT_T1);
  _mm_prefetch(reinterpret_cast<const char*>(panel + 2048), _MM_HINT_T0);
}

// An accumulator as it stands, so that compilers keep the order of additions: GCC would reorder them into a tree that
// needs eighty registers, and spill.
#ifndef MICA_SIMDE
inline void hold(__m256i& accumulator) { asm("" : "+x"(accumulator)); }
#endif

struct Avx2 {
  using Float = __m256;
  static constexpr size_t kLanes = 8;

  static Float load(const float* from) { return _mm256_loadu_ps(from); }
  static Float broadcast(float value) { return _mm256_set1_ps(value); }
  static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static void store(float* to, Float a) { _mm256_storeu_ps(to, a); }
  static Float to_float(const int32_t* sums, int32_t excess) {
    const __m256i sum = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums));
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, _mm256_set1_epi32(excess)));
  }

  // 16 values, rounded and clamped, to int8; returns their sum. The second operand of max is what a NaN becomes.
  static int32_t store_quantized(int8_t* to, const Float* values) {
    __m256i q[2];
    for (int i = 0; i < 2; ++i) {
      const __m256 clamped =
          _mm256_min_ps(_mm256_max_ps(values[i], _mm256_set1_ps(-127.0f)), _mm256_set1_ps(127.0f));
      q[i] = _mm256_cvtps_epi32(clamped);
    }
    // Words 0-3 and 8-11 of both in the low and high half, so quarters are put in order before the last step.
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(q[0], q[1]), 0xD8);
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
    const __m128i flipped = _mm_xor_si128(bytes, _mm_set1_epi8(-128));  // value + 128, unsigned
    const __m128i halves = _mm_sad_epu8(flipped, _mm_setzero_si128());
    return _mm_cvtsi128_si32(halves) + _mm_extract_epi16(halves, 4) - 16 * 128;
  }
};

}  // namespace
}  // namespace mica::simd
