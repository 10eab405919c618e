// Rows rounded one value at a time: what the scalar producers and rotations share. Not used by vector levels,
// which have their own Quantizer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quantize_kernels.hpp"
#include "rounding.hpp"

namespace mica::simd {
namespace {

// Quantizes value(i) for i < n, and pads.
template <class Value>
int32_t quantize_values(int8_t* dst, float multiplier, size_t n, const Value& value) {
  int32_t sum = 0;
  for (size_t i = 0; i < n; ++i) {
    dst[i] = quantize_value(value(i), multiplier);
    sum += dst[i];
  }
  for (size_t i = n; i < quantized_row_bytes(n); ++i) dst[i] = 0;
  return sum;
}

}  // namespace
}  // namespace mica::simd
