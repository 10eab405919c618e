// Activation functions on xsimd batches: one source for every vector level, included by simd/<level>/activation.cpp
// only. Not the definition: activation_kernels.hpp is. Everything here has internal linkage.
#pragma once

#include "activation_kernels.hpp"
#include "float_batch_inl.hpp"

namespace mica::simd {
namespace {

// x / (1 + e^Slope(x)), several batches beside each other.
template <class Slope>
struct Logistic {
  template <size_t kCount>
  static void apply(Batch (&x)[kCount]) {
    Batch power[kCount];
    for (size_t i = 0; i < kCount; ++i) power[i] = Slope::of(x[i]);
    exponentials(power);
    for (size_t i = 0; i < kCount; ++i) x[i] = x[i] / (Batch(1.0f) + power[i]);
  }
};

struct MinusX {
  static Batch of(const Batch& x) { return -x; }
};
struct MinusTwiceGeluTanh {
  // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)).
  static Batch of(const Batch& x) {
    return fused_multiply_add(Batch(0.044715f) * x * x, x, x) * Batch(-1.59576912f);
  }
};
struct MinusQuick {
  static Batch of(const Batch& x) { return x * Batch(-1.702f); }
};

using Silu = Logistic<MinusX>;
using GeluTanh = Logistic<MinusTwiceGeluTanh>;
using QuickGelu = Logistic<MinusQuick>;

struct Gelu {
  // 1 + erf(-z) = erfc(z): the sum would lose all digits for negative x.
  template <size_t kCount>
  static void apply(Batch (&x)[kCount]) {
    for (Batch& v : x) v = Batch(0.5f) * v * xsimd::erfc(v * Batch(-0.70710678f));
  }
};

// dst[i] = Function(x[i]), times factor[i] where that is given; the last values, fewer than a batch, in a padded copy.
template <class Function, bool kFactor>
inline void apply(float* dst, const float* x, const float* factor, size_t n) {
  const auto apply_at = [&]<size_t kCount>(size_t i) {
    Batch values[kCount];
    for (size_t v = 0; v < kCount; ++v) values[v] = load(x + i + v * kWidth);
    Function::apply(values);
    for (size_t v = 0; v < kCount; ++v) {
      if constexpr (kFactor) values[v] = values[v] * load(factor + i + v * kWidth);
      store(dst + i + v * kWidth, values[v]);
    }
  };
  size_t i = 0;
  for (; i + 4 * kWidth <= n; i += 4 * kWidth) apply_at.template operator()<4>(i);
  for (; i + kWidth <= n; i += kWidth) apply_at.template operator()<1>(i);
  if (i == n) return;
  alignas(64) float rest[kWidth] = {};
  for (size_t k = i; k < n; ++k) rest[k - i] = x[k];
  Batch last[1] = {Batch::load_aligned(rest)};
  Function::apply(last);
  last[0].store_aligned(rest);
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
