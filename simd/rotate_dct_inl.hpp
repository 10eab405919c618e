// Discrete cosine transforms over the odd factors of a rotation, on the vectors of a level: the part of
// simd/vector/rotate.cpp that is not Walsh-Hadamard. Everything here has internal linkage.
#pragma once

#include <utility>

#include <vector.hpp>

#include "dct_angle.hpp"
#include "rotate_kernels.hpp"

namespace mica::simd {
namespace {

template <int kPrime, int kRow, int kColumn>
inline F32 add_term(F32 sum, F32 x, const F32* cosines) {
  constexpr DctAngle angle = dct_angle(kPrime, kRow, kColumn);
  return angle.negative ? multiply_subtract(cosines[angle.quarter], x, sum)
                        : multiply_add(cosines[angle.quarter], x, sum);
}

// Row kRow of the matrix on the folded inputs: sums x[j] + x[p - 1 - j] (and the middle) for even rows, differences for
// odd ones, because columns j and p - 1 - j differ in sign there.
template <int kPrime, int kRow, int... kColumns>
inline F32 dct_row(const F32* folded, const F32* cosines, std::integer_sequence<int, kColumns...>) {
  constexpr DctAngle first = dct_angle(kPrime, kRow, 0);
  static_assert(!first.negative);
  F32 sum = cosines[first.quarter] * folded[0];
  ((sum = add_term<kPrime, kRow, kColumns + 1>(sum, folded[kColumns + 1], cosines)), ...);
  return sum;
}

template <int kPrime, int... kRows>
inline void dct_rows(F32* y, const F32* sums, const F32* differences, const F32* cosines,
                     std::integer_sequence<int, kRows...>) {
  constexpr int kHalf = kPrime / 2;
  ((y[2 * kRows + 1] =
        dct_row<kPrime, 2 * kRows + 1>(differences, cosines, std::make_integer_sequence<int, kHalf - 1>())),
   ...);
  ((y[2 * kRows + 2] = dct_row<kPrime, 2 * kRows + 2>(sums, cosines, std::make_integer_sequence<int, kHalf>())), ...);
}

// Forward, rows scaled by sqrt(p) * scale, which `cosines` hold: row 0 is all ones, times scale.
template <int kPrime>
inline void dct(F32* x, const F32* cosines, F32 scale) {
  constexpr int kHalf = kPrime / 2;
  F32 sums[kHalf + 1];
  F32 differences[kHalf];
#pragma GCC unroll 8
  for (int j = 0; j < kHalf; ++j) {
    sums[j] = x[j] + x[kPrime - 1 - j];
    differences[j] = x[j] - x[kPrime - 1 - j];
  }
  sums[kHalf] = x[kHalf];
  x[0] = sums[0];
#pragma GCC unroll 8
  for (int j = 1; j <= kHalf; ++j) x[0] = x[0] + sums[j];
  x[0] = x[0] * scale;
  dct_rows<kPrime>(x, sums, differences, cosines, std::make_integer_sequence<int, kHalf>());
}

// Column kColumn < p / 2 of the even (kOdd = 0) or odd rows 1 to p - 1: half of what the transposed matrix needs.
template <int kPrime, int kColumn, int kOdd, int... kRows>
inline F32 dct_column(const F32* x, const F32* cosines, F32 scale, std::integer_sequence<int, kRows...>) {
  F32 sum = kOdd ? F32::all(0.0f) : x[0] * scale;
  ((sum = add_term<kPrime, 2 * kRows + 2 - kOdd, kColumn>(sum, x[2 * kRows + 2 - kOdd], cosines)), ...);
  return sum;
}

// The transpose of dct().
template <int kPrime, int... kColumns>
inline void inverse_dct(F32* x, const F32* cosines, F32 scale, std::integer_sequence<int, kColumns...>) {
  constexpr int kHalf = kPrime / 2;
  constexpr auto kRows = std::make_integer_sequence<int, kHalf>();
  const F32 even[] = {dct_column<kPrime, kColumns, 0>(x, cosines, scale, kRows)...};
  const F32 odd[] = {dct_column<kPrime, kColumns, 1>(x, cosines, scale, kRows)...};
#pragma GCC unroll 8
  for (int j = 0; j < kHalf; ++j) {
    x[j] = even[j] + odd[j];
    x[kPrime - 1 - j] = even[j] - odd[j];
  }
  x[kHalf] = even[kHalf];
}

template <int kPrime, bool kInverse>
inline void dct_columns(F32* v, const F32* cosines, F32 scale) {
  if constexpr (kInverse) inverse_dct<kPrime>(v, cosines, scale, std::make_integer_sequence<int, kPrime / 2 + 1>());
  else dct<kPrime>(v, cosines, scale);
}

// `outer` blocks of kPrime runs of `stride` columns, times `by`.
template <int kPrime, bool kInverse>
void dct_pass(float* x, size_t outer, size_t stride, const float* table, float by) {
  const F32 scale = F32::all(by);
  // The last is the cosine of a right angle, which odd rows have in their middle column.
  F32 cosines[kPrime + 1];
  for (int m = 0; m < kPrime; ++m) cosines[m] = F32::all(table[m] * by);
  cosines[kPrime] = F32::all(0.0f);
  const size_t whole = stride / F32::kWidth * F32::kWidth;
  for (const float* end = x + outer * kPrime * stride; x != end; x += kPrime * stride) {
    F32 v[kPrime];
    for (size_t column = 0; column < whole; column += F32::kWidth) {
#pragma GCC unroll 16
      for (int k = 0; k < kPrime; ++k) v[k] = F32::load(x + k * stride + column);
      dct_columns<kPrime, kInverse>(v, cosines, scale);
#pragma GCC unroll 16
      for (int k = 0; k < kPrime; ++k) v[k].store(x + k * stride + column);
    }
    if (whole == stride) continue;
    // The last columns, fewer than a vector, in a copy.
    float rest[kPrime][F32::kWidth] = {};
    for (int k = 0; k < kPrime; ++k)
      for (size_t column = whole; column < stride; ++column) rest[k][column - whole] = x[k * stride + column];
    for (int k = 0; k < kPrime; ++k) v[k] = F32::load(rest[k]);
    dct_columns<kPrime, kInverse>(v, cosines, scale);
    for (int k = 0; k < kPrime; ++k) v[k].store(rest[k]);
    for (int k = 0; k < kPrime; ++k)
      for (size_t column = whole; column < stride; ++column) x[k * stride + column] = rest[k][column - whole];
  }
}

// All factors of a part; where there are any, times `scale`.
template <bool kInverse>
void dcts(const RotationPlan& plan, const RotationPart& part, float scale, float* x) {
  size_t stride = part.width;
  size_t outer = 1;
  for (uint32_t f = 0; f < part.factor_count; ++f) {
    const uint32_t prime = part.factors[f];
    stride /= prime;
    const float* table = plan.cosines[prime];
    switch (prime) {
      case 3: dct_pass<3, kInverse>(x, outer, stride, table, scale); break;
      case 5: dct_pass<5, kInverse>(x, outer, stride, table, scale); break;
      case 7: dct_pass<7, kInverse>(x, outer, stride, table, scale); break;
      case 11: dct_pass<11, kInverse>(x, outer, stride, table, scale); break;
      default: dct_pass<13, kInverse>(x, outer, stride, table, scale); break;
    }
    outer *= prime;
    scale = 1.0f;
  }
}

}  // namespace
}  // namespace mica::simd
