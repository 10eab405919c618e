// Producers that quantize: rows of floats, or norms of them, to int8 under a static scale. Not a search for scales:
// the caller knows them (1 / scale is the multiplier). Rotations that quantize are in rotate_kernels.hpp.
//
// The rounding is that of rounding.hpp, the same at every level.
#pragma once

#include <cstddef>
#include <cstdint>

#include "round_up.hpp"

namespace mica::simd {

// An int8 row of n values has this many bytes: GEMM kernels read whole groups. The bytes beyond n are zero.
constexpr size_t quantized_row_bytes(size_t n) { return round_up(n, 32); }

// All write quantized_row_bytes(n) bytes and return the sum of them, which undoes the +8 of 4-bit weights. The bytes
// are the same at every level, bit by bit: sums are taken in 64 interleaved partial sums, in one order.
struct QuantizeKernels {
  int32_t (*quantize_row)(int8_t* dst, const float* x, float multiplier, size_t n);

  // x / sqrt(mean(x^2) + epsilon) * weight. weight may be null: then ones.
  int32_t (*rms_norm_quantize)(int8_t* dst, const float* x, const float* weight, float epsilon, float multiplier,
                               size_t n);

  // (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias. weight and bias may be null: then ones and zeros.
  int32_t (*layer_norm_quantize)(int8_t* dst, const float* x, const float* weight, const float* bias, float epsilon,
                                 float multiplier, size_t n);
};

}  // namespace mica::simd
