// Activation functions of rows, float32 to float32: what stands between two linear layers, for the float path and,
// before a rotation that quantizes, for the static one. Not norms (float_kernels.hpp) and not quantized
// (quantize_kernels.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

// dst may be x (or gate, or up). Values are finite. Against double (tests measure it): the relative error of silu is
// below 1e-6 wherever its result is a normal number; that of the others for x >= -2, and the absolute error below
// 1e-7 under that, where the rounding of the exponent's argument grows with it.
struct ActivationKernels {
  void (*silu)(float* dst, const float* x, size_t n);                          // x / (1 + exp(-x))
  void (*silu_mul)(float* dst, const float* gate, const float* up, size_t n);  // silu(gate) * up
  void (*gelu)(float* dst, const float* x, size_t n);                          // x * (1 + erf(x / sqrt(2))) / 2
  // x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2
  void (*gelu_tanh)(float* dst, const float* x, size_t n);
  void (*gelu_tanh_mul)(float* dst, const float* gate, const float* up, size_t n);  // gelu_tanh(gate) * up
  void (*quick_gelu)(float* dst, const float* x, size_t n);                         // x / (1 + exp(-1.702 * x))
};

}  // namespace mica::simd
