// Making 16-entry tables of keys and values with AVX2. Not reading them: visual_kv_lookup_inl.hpp.
// Everything here has internal linkage.
#pragma once

#include <cstddef>
#include <cstdint>

#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

// The greatest of the sums of 16 weights is sought so many at a time.
constexpr size_t kGreatestStep = 32;

struct KvTables {
  // The greatest sum of 16 magnitudes, as the definition adds them; count is a multiple of 32.
  static float greatest_sixteen(const float* weights, size_t count) {
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
    __m128 greatest = _mm_setzero_ps();
    for (size_t i = 0; i < count; i += kGreatestStep) {
      __m256 eight[4];
      for (size_t j = 0; j < 4; ++j) eight[j] = _mm256_and_ps(_mm256_loadu_ps(weights + i + 8 * j), magnitude);
      const __m256 fours =
          _mm256_hadd_ps(_mm256_hadd_ps(eight[0], eight[1]), _mm256_hadd_ps(eight[2], eight[3]));
      const __m128 eights = _mm_add_ps(_mm256_castps256_ps128(fours), _mm256_extractf128_ps(fours, 1));
      greatest = _mm_max_ps(greatest, _mm_hadd_ps(eights, eights));
    }
    return _mm_cvtss_f32(_mm_max_ss(greatest, _mm_shuffle_ps(greatest, greatest, 1)));
  }

  // The four tables of 16 integers in the order that packing two vectors of 32-bit ones leaves them in: 0..3, 8..11 in
  // one half, 4..7, 12..15 in the other. First the four sums of each pair (none, first, second, both), as bytes; a
  // table of four integers is one pair's sums plus the other's. `lowest` are the negative ones of the integers: a table
  // starts at the sum of its own.
  template <bool kSigned>
  static void store_tables(uint8_t* tables, __m256i integers) {
    const __m256i first = repeat(-1, 0, 2, 0, -1, 4, 6, 4, -1, 8, 10, 8, -1, 12, 14, 12);
    const __m256i second = repeat(-1, -1, -1, 2, -1, -1, -1, 6, -1, -1, -1, 10, -1, -1, -1, 14);
    __m256i pairs = _mm256_add_epi8(_mm256_shuffle_epi8(integers, first), _mm256_shuffle_epi8(integers, second));
    if constexpr (kSigned) {
      const __m256i lowest = _mm256_min_epi16(integers, _mm256_setzero_si256());
      const __m256i even = repeat(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
      const __m256i odd = repeat(2, 2, 2, 2, 6, 6, 6, 6, 10, 10, 10, 10, 14, 14, 14, 14);
      pairs = _mm256_sub_epi8(pairs, _mm256_add_epi8(_mm256_shuffle_epi8(lowest, even),
                                                     _mm256_shuffle_epi8(lowest, odd)));
    }
    const __m256i low_pair = repeat(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    const __m256i high_pair = repeat(4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7);
    const __m256i eight = _mm256_set1_epi8(8);
    const __m256i near = _mm256_add_epi8(_mm256_shuffle_epi8(pairs, low_pair), _mm256_shuffle_epi8(pairs, high_pair));
    const __m256i far = _mm256_add_epi8(_mm256_shuffle_epi8(pairs, _mm256_or_si256(low_pair, eight)),
                                        _mm256_shuffle_epi8(pairs, _mm256_or_si256(high_pair, eight)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(tables), near);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(tables + 32), far);
  }

  // The tables of 16 weights; returns the sum of the integers' magnitudes.
  static int signed_tables(uint8_t* tables, const float* weights, float inverse) {
    const __m256 scale = _mm256_set1_ps(inverse);
    const __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(weights), scale));
    const __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(weights + 8), scale));
    const __m256i integers = _mm256_packs_epi32(low, high);
    store_tables<true>(tables, integers);
    return sum(_mm256_madd_epi16(_mm256_abs_epi16(integers), _mm256_set1_epi16(1)));
  }

  // Rounds weights that are not negative, carrying what it takes from one to the one 16 further on.
  class Rounder {
   public:
    // Before the first tables.
    void begin(float inverse) { inverse_ = _mm256_set1_ps(inverse); }

    void tables(uint8_t* tables, const float* weights) {
      const __m256i low = round(weights, carried_low_);
      const __m256i high = round(weights + 8, carried_high_);
      const __m256i integers = _mm256_packs_epi32(low, high);
      store_tables<false>(tables, integers);
      totals_ = _mm256_add_epi32(totals_, _mm256_madd_epi16(integers, _mm256_set1_epi16(1)));
    }
    int total() const { return sum(totals_); }

   private:
    __m256i round(const float* weights, __m256& carried) const {
      const __m256 exact = _mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(weights), inverse_), carried);
      const __m256i rounded = _mm256_cvtps_epi32(exact);
      carried = _mm256_sub_ps(exact, _mm256_cvtepi32_ps(rounded));
      return rounded;
    }

    __m256 inverse_ = _mm256_setzero_ps();
    __m256 carried_low_ = _mm256_setzero_ps(), carried_high_ = _mm256_setzero_ps();
    __m256i totals_ = _mm256_setzero_si256();
  };

 private:
  // Sixteen bytes in both halves.
  template <class... Byte>
  static __m256i repeat(Byte... bytes) {
    const int8_t sixteen[16] = {static_cast<int8_t>(bytes)...};
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sixteen)));
  }

  static int sum(__m256i v) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
  }
};

}  // namespace
}  // namespace mica::simd
