// Activation functions on xsimd batches: one source for every vector level, included by simd/<level>/activation.cpp
// only. Not the definition: activation_kernels.hpp is. Everything here has internal linkage.
#pragma once

#include "activation_kernels.hpp"
#include "float_batch_inl.hpp"

namespace mica::simd {
namespace {

Batch logistic_product(const Batch& x, const Batch& minus_slope_x) {
  return x / (Batch(1.0f) + exponential(minus_slope_x));
}

struct Silu {
  static Batch of(const Batch& x) { return logistic_product(x, -x); }
};

struct Gelu {
  // 1 + erf(-z) = erfc(z): the sum would lose all digits for negative x.
  static Batch of(const Batch& x) { return Batch(0.5f) * x * xsimd::erfc(x * Batch(-0.70710678f)); }
};

struct GeluTanh {
  // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)).
  static Batch of(const Batch& x) {
    const Batch inner = fused_multiply_add(Batch(0.044715f) * x * x, x, x);
    return logistic_product(x, inner * Batch(-1.59576912f));
  }
};

struct QuickGelu {
  static Batch of(const Batch& x) { return logistic_product(x, x * Batch(-1.702f)); }
};

// dst[i] = Function(x[i]), times factor[i] where that is given; the last values, fewer than a batch, in a padded copy.
template <class Function, bool kFactor>
inline void apply(float* dst, const float* x, const float* factor, size_t n) {
  size_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    Batch y = Function::of(Batch::load_unaligned(x + i));
    if constexpr (kFactor) y = y * Batch::load_unaligned(factor + i);
    y.store_unaligned(dst + i);
  }
  if (i == n) return;
  alignas(64) float rest[kWidth] = {};
  for (size_t k = i; k < n; ++k) rest[k - i] = x[k];
  Function::of(Batch::load_aligned(rest)).store_aligned(rest);
  for (size_t k = i; k < n; ++k) dst[k] = kFactor ? rest[k - i] * factor[k] : rest[k - i];
}

template <class Function>
void activate(float* dst, const float* x, size_t n) {
  apply<Function, false>(dst, x, nullptr, n);
}

template <class Function>
void activate_mul(float* dst, const float* gate, const float* up, size_t n) {
  apply<Function, true>(dst, gate, up, n);
}

constexpr ActivationKernels kActivationKernels = {
    .silu = activate<Silu>,
    .silu_mul = activate_mul<Silu>,
    .gelu = activate<Gelu>,
    .gelu_tanh = activate<GeluTanh>,
    .gelu_tanh_mul = activate_mul<GeluTanh>,
    .quick_gelu = activate<QuickGelu>,
};

}  // namespace
}  // namespace mica::simd
