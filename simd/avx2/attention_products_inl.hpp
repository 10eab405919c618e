// The products of integer attention with vpmaddubsw: 32 products an instruction. Not the loops around
// them: attention_inl.hpp.
//
// Pairs of products are added in 16 bits over as many steps as their bounds allow, then vpmaddwd with ones widens. Six
// rows by 16 keys (or channels) hold twelve sums of 16 bits in registers; those of 32 bits pass through the stack.
#pragma once

#include <vector.hpp>

#include "attention_kernels.hpp"

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
      const __m256i four = broadcast_4(rows + row * stride + step * 4);
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

struct AttentionProducts {
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
};

}  // namespace
}  // namespace mica::simd
