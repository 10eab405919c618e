// vpdpbusd of AVX-VNNI in instructions of AVX2: what x86_intrinsics.hpp includes where the sources of level avxvnni are
// compiled for the tests of any processor with AVX2. Not fast.
#pragma once

#include <immintrin.h>

namespace mica::twin {
namespace {

// Of even bytes and of odd ones, in 16 bits each; unlike vpmaddubsw nothing saturates.
inline __m256i dpbusd(__m256i sums, __m256i unsigned_bytes, __m256i signed_bytes) {
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(unsigned_bytes, _mm256_set1_epi16(255)),
                                         _mm256_srai_epi16(_mm256_slli_epi16(signed_bytes, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(unsigned_bytes, 8), _mm256_srai_epi16(signed_bytes, 8));
  return _mm256_add_epi32(sums, _mm256_add_epi32(even, odd));
}

}  // namespace
}  // namespace mica::twin

#define _mm256_dpbusd_avx_epi32 mica::twin::dpbusd
