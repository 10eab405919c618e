// Activations as 16-bit integers and their products with unsigned bytes by vpmaddwd: 16 an instruction. A part of
// vector.hpp, which includes it; not the loops around it: stored_gemv_inl.hpp.
#pragma once

namespace mica::simd {
namespace {

// Activations as 16-bit integers: 32 of them, from word 32 * group on; sums become those of each 16.
constexpr float kWordMost = 32767;
inline void store_words(int16_t* words, size_t group, const float* x, float inverse, int32_t* sums) {
  for (size_t half = 0; half < 2; ++half, x += 16) {
    const __m256 scale = _mm256_set1_ps(inverse);
    const __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), scale));
    const __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8), scale));
    sums[half] = sum_of_lanes(_mm256_add_epi32(low, high));
    // Packing works within 128-bit halves.
    store_256(words + group * 32 + half * 16, _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8));
  }
}

// To `total` the products of 64 codes from 0 on, pair kPair of 32 of a span, with words from 32 * group on, times the
// scale of each kGroup of the span.
inline __m256i products_of_sixteen(__m128i codes, const int16_t* words) {
  return _mm256_madd_epi16(_mm256_cvtepu8_epi16(codes), load_256(words));
}
template <size_t kGroup, size_t kPair, class Bytes32>
inline F32 add_products(F32 total, Bytes32 low, Bytes32 high, const int16_t* words, size_t group, const float* scales) {
  words += group * 32;
  scales += kPair * 64 / kGroup;
  for (const Bytes32 codes : {low, high}) {
    const __m256i near = products_of_sixteen(_mm256_castsi256_si128(reinterpret_cast<__m256i>(codes)), words);
    const __m256i far = products_of_sixteen(_mm256_extracti128_si256(reinterpret_cast<__m256i>(codes), 1), words + 16);
    if constexpr (kGroup == 16) {
      total = multiply_add(F32::all(*scales++), F32{_mm256_cvtepi32_ps(near)}, total);
      total = multiply_add(F32::all(*scales++), F32{_mm256_cvtepi32_ps(far)}, total);
    } else {
      total = multiply_add(F32::all(*scales++), F32{_mm256_cvtepi32_ps(_mm256_add_epi32(near, far))}, total);
    }
    words += 32;
  }
  return total;
}

}  // namespace
}  // namespace mica::simd
