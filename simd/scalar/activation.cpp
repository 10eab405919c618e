// activation kernels at level scalar: the definition.
#include "activation_kernels.hpp"

#include <cmath>

#include "own_table.hpp"

namespace mica::simd {

namespace {

float silu(float x) { return x / (1.0f + std::exp(-x)); }
// 1 + erf(-z) = erfc(z): the sum would lose all digits for negative x.
float gelu(float x) { return 0.5f * x * std::erfc(x * -0.70710678f); }
// (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)), 2 sqrt(2 / pi) = 1.59576912.
float gelu_tanh(float x) { return x / (1.0f + std::exp((x + 0.044715f * x * x * x) * -1.59576912f)); }
float quick_gelu(float x) { return x / (1.0f + std::exp(x * -1.702f)); }

template <float (*function)(float)>
void activate(float* dst, const float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) dst[i] = function(x[i]);
}

template <float (*function)(float)>
void activate_mul(float* dst, const float* gate, const float* up, size_t n) {
  for (size_t i = 0; i < n; ++i) dst[i] = function(gate[i]) * up[i];
}

}  // namespace

extern const ActivationKernels MICA_TABLE(activation) = {
    .silu = activate<silu>,
    .silu_mul = activate_mul<silu>,
    .gelu = activate<gelu>,
    .gelu_tanh = activate<gelu_tanh>,
    .gelu_tanh_mul = activate_mul<gelu_tanh>,
    .quick_gelu = activate<quick_gelu>,
};

}  // namespace mica::simd
