// The products and exponentials of integer attention with vpmaddubsw: 32 products an instruction. Not the loops around
// them: attention_inl.hpp.
//
// Pairs of products are added in 16 bits over as many steps as their bounds allow, then vpmaddwd with ones widens. Six
// rows by 16 keys (or channels) hold twelve sums of 16 bits in registers; those of 32 bits pass through the stack.
#pragma once

#include "attention_table_inl.hpp"
#include "avx2/gemm_vector_inl.hpp"

namespace mica::simd {
namespace {

// Steps of four products whose sum of pairs fits 16 bits.
constexpr int kScoreSteps = 2, kValueSteps = 4;
static_assert(kScoreSteps * 2 * kQueryMost * kKeyTop <= 32767 &&
              kValueSteps * 2 * kProbabilityTop * kValueMost <= 32767);

// How a row's four bytes meet 32 of a panel: the first operand of vpmaddubsw is unsigned.
struct ScoreProduct {
  static __m256i multiply(__m256i panel, __m256i row) { return _mm256_maddubs_epi16(panel, row); }
};
struct ValueProduct {
  static __m256i multiply(__m256i panel, __m256i row) { return _mm256_maddubs_epi16(row, panel); }
};

// kSteps steps of kRows rows by 16 columns, added to totals.
template <class Product, int kRows, int kSteps>
inline void add_steps(__m256i (&totals)[kRows][2], const uint8_t* rows, size_t stride, const uint8_t* panel) {
  __m256i words[kRows][2];
#pragma GCC unroll 8
  for (int step = 0; step < kSteps; ++step) {
    const __m256i panel0 = load_256(panel + step * 64);
    const __m256i panel1 = load_256(panel + step * 64 + 32);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      const __m256i four = broadcast_4(reinterpret_cast<const int8_t*>(rows) + row * stride + step * 4);
      const __m256i product0 = Product::multiply(panel0, four);
      const __m256i product1 = Product::multiply(panel1, four);
      words[row][0] = step == 0 ? product0 : _mm256_add_epi16(words[row][0], product0);
      words[row][1] = step == 0 ? product1 : _mm256_add_epi16(words[row][1], product1);
      hold(words[row][0]);
      hold(words[row][1]);
    }
  }
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
    totals[row][0] = _mm256_add_epi32(totals[row][0], _mm256_madd_epi16(words[row][0], ones));
    totals[row][1] = _mm256_add_epi32(totals[row][1], _mm256_madd_epi16(words[row][1], ones));
  }
}

// sums[row][0, 16) = the products of rows of `depth` bytes, a multiple of 8, with a panel.
template <class Product, int kRows, int kSteps>
[[gnu::noinline]] void multiply_rows(int32_t* sums, size_t sums_stride, const uint8_t* rows, size_t stride,
                                     const uint8_t* panel, size_t depth) {
  __m256i totals[kRows][2];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) totals[row][0] = totals[row][1] = _mm256_setzero_si256();
  for (; depth >= 4 * kSteps; depth -= 4 * kSteps, rows += 4 * kSteps, panel += 64 * kSteps)
    add_steps<Product, kRows, kSteps>(totals, rows, stride, panel);
  if constexpr (kSteps > 2) {
    if (depth != 0) add_steps<Product, kRows, 2>(totals, rows, stride, panel);
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
    store_256(sums + row * sums_stride, totals[row][0]);
    store_256(sums + row * sums_stride + 8, totals[row][1]);
  }
}

// exponential_2 of attention_exponential.hpp, eight at once.
inline __m256 exponential_2(__m256 x, const PowerCoefficients& c) {
  const __m256 rounder = _mm256_set1_ps(kRounder);
  const __m256 t = _mm256_max_ps(x, _mm256_set1_ps(kExponentLeast));
  const __m256 shifted = _mm256_add_ps(t, rounder);
  const __m256 f = _mm256_sub_ps(t, _mm256_sub_ps(shifted, rounder));
  __m256 power = _mm256_fmadd_ps(_mm256_set1_ps(c.c3), f, _mm256_set1_ps(c.c2));
  power = _mm256_fmadd_ps(power, f, _mm256_set1_ps(c.c1));
  power = _mm256_fmadd_ps(power, f, _mm256_set1_ps(c.c0));
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(power), _mm256_slli_epi32(_mm256_castps_si256(shifted), 23)));
}

struct AttentionAvx2 {
  static constexpr int kRows = 6;

  // Three rows at a time: with two steps a sum, sums of 32 bits stay in registers too.
  template <int kGroupRows>
  static void scores(const int8_t* q, size_t q_stride, const uint8_t* panel, size_t channels, int32_t* scores) {
    const uint8_t* rows = reinterpret_cast<const uint8_t*>(q);
    constexpr int kFirst = kGroupRows < 3 ? kGroupRows : 3;
    multiply_rows<ScoreProduct, kFirst, kScoreSteps>(scores, kAttentionKeys, rows, q_stride, panel, channels);
    if constexpr (kGroupRows > 3)
      multiply_rows<ScoreProduct, kGroupRows - 3, kScoreSteps>(scores + 3 * kAttentionKeys, kAttentionKeys,
                                                               rows + 3 * q_stride, q_stride, panel, channels);
  }

  template <int kGroupRows>
  static void sums(const uint8_t* p, const int8_t* panel, size_t keys, int32_t* sums) {
    multiply_rows<ValueProduct, kGroupRows, kValueSteps>(sums, kAttentionPanel, p, kAttentionKeys,
                                                         reinterpret_cast<const uint8_t*>(panel), keys);
  }

  static int32_t greatest(const int32_t* scores, size_t keys) {
    __m256i most0 = load_256(scores), most1 = load_256(scores + 8);
    for (size_t key = 16; key < keys; key += 16) {
      most0 = _mm256_max_epi32(most0, load_256(scores + key));
      most1 = _mm256_max_epi32(most1, load_256(scores + key + 8));
    }
    most0 = _mm256_max_epi32(most0, most1);
    const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(most0), _mm256_extracti128_si256(most0, 1));
    const __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
  }

  static int32_t probabilities(uint8_t* p, const int32_t* scores, size_t keys, int32_t most, float exponent) {
    const __m256i top = _mm256_set1_epi32(most);
    const __m256 factor = _mm256_set1_ps(exponent);
    const auto eight = [&](const int32_t* from) {
      const __m256 below = _mm256_cvtepi32_ps(_mm256_sub_epi32(load_256(from), top));
      return _mm256_cvtps_epi32(exponential_2(_mm256_mul_ps(below, factor), kProbability));
    };
    __m256i total = _mm256_setzero_si256();
    for (size_t key = 0; key < keys; key += 32, scores += 32) {
      const __m256i low = _mm256_packs_epi32(eight(scores), eight(scores + 8));
      const __m256i high = _mm256_packs_epi32(eight(scores + 16), eight(scores + 24));
      // Packing works within 128-bit halves: four bytes of each vector, twice.
      const __m256i bytes =
          _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
      store_256(p + key, bytes);
      total = _mm256_add_epi64(total, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
    }
    const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
    return _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 2);
  }

  static void powers(float* x, size_t count) {
    for (size_t i = 0; i < count; i += 8) _mm256_storeu_ps(x + i, exponential_2(_mm256_loadu_ps(x + i), kPower));
  }

  static void add(float* out, float rescale, float weight, const int32_t* sums) {
    for (int half = 0; half < 16; half += 8) {
      const __m256 before = _mm256_mul_ps(_mm256_loadu_ps(out + half), _mm256_set1_ps(rescale));
      const __m256 here = _mm256_cvtepi32_ps(load_256(sums + half));
      _mm256_storeu_ps(out + half, _mm256_fmadd_ps(here, _mm256_set1_ps(weight), before));
    }
  }
};

}  // namespace
}  // namespace mica::simd
