// The one rule by which a float becomes an int8 activation, at every level:
//
//   t = value * multiplier in float32 (constant factors of the value are folded into the multiplier first);
//   where t < 127 is false, which it is for a NaN, t becomes 127; where then t > -127 is false, -127;
//   then to the nearest integer, ties to even.
//
// So -128 never occurs, which is what makes the sums of the integer products exact. Not the rounding of attention's
// operands, whose bounds are others: attention_kernels.hpp.
#pragma once

#include <cstdint>

namespace mica::simd {
namespace {  // each level compiles its own copy: no weak symbol carries one level's instructions into another

// The definition; vector levels have twins of it.
inline int8_t quantize_value(float value, float multiplier) {
  float t = value * multiplier;
  t = t < 127.0f ? t : 127.0f;
  t = t > -127.0f ? t : -127.0f;
  return static_cast<int8_t>(__builtin_lrintf(t));  // in the default rounding mode: ties to even
}

}  // namespace
}  // namespace mica::simd
