// e^x of several vectors at once, for activation functions and softmax. Not integer attention's 2^x:
// attention_exponential.hpp. Everything here has internal linkage.
#pragma once

#include <cstddef>
#include <iterator>

#include <vector.hpp>

namespace mica::simd {
namespace {

// x[i] <- e^x[i] within 2e-7 of its value; 0 below e^-87.3, e^88 above it. A NaN stays one. x = n ln 2 + r with |r| <=
// ln 2 / 2, of which a polynomial of degree 7 (Cephes, expf) makes e^r. Several vectors go step by step beside each
// other: one after the other their long chains would fill the scheduler.
template <size_t kCount>
inline void exponentials(F32 (&x)[kCount]) {
  constexpr float kCoefficients[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                     4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  const F32 rounder = F32::all(12582912.0f);  // 1.5 * 2^23: its last place is one
  F32 shifted[kCount], r[kCount], power[kCount];
  for (size_t i = 0; i < kCount; ++i) r[i] = min(F32::all(88.0f), x[i]);
  for (size_t i = 0; i < kCount; ++i) shifted[i] = multiply_add(r[i], F32::all(1.44269504f), rounder);
  for (size_t i = 0; i < kCount; ++i) power[i] = shifted[i] - rounder;
  for (size_t i = 0; i < kCount; ++i) r[i] = multiply_add(power[i], F32::all(-0.693359375f), r[i]);
  for (size_t i = 0; i < kCount; ++i) r[i] = multiply_add(power[i], F32::all(2.12194440e-4f), r[i]);
  for (size_t i = 0; i < kCount; ++i) power[i] = F32::all(kCoefficients[0]);
  for (size_t c = 1; c < std::size(kCoefficients); ++c)
    for (size_t i = 0; i < kCount; ++i) power[i] = multiply_add(power[i], r[i], F32::all(kCoefficients[c]));
  for (size_t i = 0; i < kCount; ++i) power[i] = multiply_add(power[i], r[i] * r[i], r[i]);
  for (size_t i = 0; i < kCount; ++i) power[i] = power[i] + F32::all(1.0f);
  for (size_t i = 0; i < kCount; ++i) {
    const F32 result = (S32::of_bits(power[i]) + S32::of_bits(shifted[i]).as_exponent()).as_bits();
    x[i] = where_less(x[i], F32::all(-87.3f), F32::all(0.0f), result);
  }
}

inline F32 exponential(F32 x) {
  F32 one[1] = {x};
  exponentials(one);
  return one[0];
}

}  // namespace
}  // namespace mica::simd
