// Activations as 16-bit integers, in two bytes, and their products with unsigned bytes by vpdpbusd: 32 of a byte an
// instruction. A part of vector.hpp, which includes it; not the loops around it: stored_gemv_inl.hpp.
#pragma once

namespace mica::simd {
namespace {

// Of each 32 the upper bytes, then the lower ones, both signed, so that the greatest is 127 * 256 + 127. 32 of them, from
// word 32 * group on; sums become those of each 16.
constexpr float kWordMost = 32639;
inline void store_words(int16_t* words, size_t group, const float* x, float inverse, int32_t* sums) {
  __m256i upper[2], lower[2];
  for (size_t half = 0; half < 2; ++half, x += 16) {
    const __m256 scale = _mm256_set1_ps(inverse);
    const __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), scale));
    const __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8), scale));
    sums[half] = sum_of_lanes(_mm256_add_epi32(low, high));
    // Packing works within 128-bit halves.
    const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
    upper[half] = _mm256_srai_epi16(_mm256_add_epi16(both, _mm256_set1_epi16(128)), 8);
    lower[half] = _mm256_srai_epi16(_mm256_slli_epi16(both, 8), 8);
  }
  const auto bytes = [](const __m256i* v) { return _mm256_permute4x64_epi64(_mm256_packs_epi16(v[0], v[1]), 0xD8); };
  store_256(words + group * 32, bytes(upper));
  store_256(words + group * 32 + 16, bytes(lower));
}

// To `total` the products of 64 codes from 0 on, pair kPair of 32 of a span, with words from 32 * group on, times the
// scale of each kGroup of the span.
template <size_t kGroup, size_t kPair, class Bytes32>
inline F32 add_products(F32 total, Bytes32 low, Bytes32 high, const int16_t* words, size_t group, const float* scales) {
  words += group * 32;
  scales += kPair * 64 / kGroup;
  for (const Bytes32 codes : {low, high}) {
    const __m256i bytes = reinterpret_cast<__m256i>(codes);
    const __m256i upper = _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), bytes, load_256(words));
    const __m256i sums = _mm256_dpbusd_avx_epi32(_mm256_slli_epi32(upper, 8), bytes, load_256(words + 16));
    F32 scale = F32::all(*scales++);
    if constexpr (kGroup == 16) scale.lanes = _mm256_insertf128_ps(scale.lanes, _mm_broadcast_ss(scales++), 1);
    total = multiply_add(scale, F32{_mm256_cvtepi32_ps(sums)}, total);
    words += 32;
  }
  return total;
}

}  // namespace
}  // namespace mica::simd
