// 2^x for x <= 0, the exponential of integer attention, as a sequence of roundings that every level repeats: the same
// bits everywhere. Not a general function: what is below kExponentLeast counts as kExponentLeast.
//
//   t = max(x, kExponentLeast);  n = t rounded to an integer, by adding and taking off kRounder;  f = t - n (exact)
//   factor * 2^x ~ 2^n * (((c3 * f + c2) * f + c1) * f + c0), each step rounded once, c = factor * kPower
//
// kPower is the polynomial of degree 3 with the least relative error on [-1/2, 1/2]: 7.5e-5, roundings included, or
// 0.01 of a unit where the factor is 127 units.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "attention_kernels.hpp"

namespace mica::simd {
namespace {  // each level compiles its own copy: no weak symbol carries one level's instructions into another

inline constexpr float kExponentLeast = -126.0f;
inline constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: its last place is one
inline constexpr int32_t kRounderBits = 0x4B400000;

struct PowerCoefficients {
  float c0, c1, c2, c3;
};
inline constexpr PowerCoefficients kPower = {0.999928057f, 0.693260968f, 0.242611125f, 0.0551716685f};
// The same for kProbabilityTop * 2^x.
inline constexpr PowerCoefficients kProbability = {kProbabilityTop * kPower.c0, kProbabilityTop * kPower.c1,
                                                   kProbabilityTop * kPower.c2, kProbabilityTop * kPower.c3};

// The inverse of a step; of one that is zero 0, so that all values become the lowest or the middle one.
inline float inverse_of(float step) { return step > 0 ? 1.0f / step : 0.0f; }

// Of a row whose greatest |q'| is one: turns a difference of scores into a power of two.
inline float query_scale(size_t dims) {
  constexpr float kLog2E = 1.44269504f;
  return kLog2E / std::sqrt(static_cast<float>(dims)) / kQueryMost;
}

// The definition; vector levels have twins of it.
inline float exponential_2(float x, const PowerCoefficients& c) {
  const float t = x > kExponentLeast ? x : kExponentLeast;
  const float shifted = t + kRounder;
  const float f = t - (shifted - kRounder);
  const float power = std::fma(std::fma(std::fma(c.c3, f, c.c2), f, c.c1), f, c.c0);
  uint32_t bits, n;
  std::memcpy(&bits, &power, sizeof(bits));
  std::memcpy(&n, &shifted, sizeof(n));
  bits += n << 23;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

}  // namespace
}  // namespace mica::simd
