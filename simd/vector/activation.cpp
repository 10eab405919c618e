// Activation functions on the vectors of a level: one source for all. Not the definition: activation_kernels.hpp.
#include <vector.hpp>
#include <xsimd/xsimd.hpp>

#include "activation_kernels.hpp"
#include "exponentials_inl.hpp"
#include "own_table.hpp"

namespace mica::simd {
namespace {

// x / (1 + e^Slope(x)), several vectors beside each other.
template <class Slope>
struct Logistic {
  template <size_t kCount>
  static void apply(F32 (&x)[kCount]) {
    F32 power[kCount];
    for (size_t i = 0; i < kCount; ++i) power[i] = Slope::of(x[i]);
    exponentials(power);
    for (size_t i = 0; i < kCount; ++i) x[i] = x[i] / (F32::all(1.0f) + power[i]);
  }
};

struct MinusX {
  static F32 of(F32 x) { return -x; }
};
struct MinusTwiceGeluTanh {
  // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)).
  static F32 of(F32 x) {
    return multiply_add(F32::all(0.044715f) * x * x, x, x) * F32::all(-1.59576912f);
  }
};
struct MinusQuick {
  static F32 of(F32 x) { return x * F32::all(-1.702f); }
};

using Silu = Logistic<MinusX>;
using GeluTanh = Logistic<MinusTwiceGeluTanh>;
using QuickGelu = Logistic<MinusQuick>;

// xsimd's; where its vectors are others than the level's (as with SIMDe), piece by piece.
template <class Batch>
inline F32 erfc_of(F32 x) {
  if constexpr (Batch::size == F32::kWidth) {
    return {xsimd::erfc(Batch(x.lanes))};
  } else {
    float lanes[F32::kWidth];
    x.store(lanes);
    for (size_t i = 0; i < F32::kWidth; i += Batch::size)
      xsimd::erfc(Batch::load_unaligned(lanes + i)).store_unaligned(lanes + i);
    return F32::load(lanes);
  }
}

struct Gelu {
  // 1 + erf(-z) = erfc(z): the sum would lose all digits for negative x.
  template <size_t kCount>
  static void apply(F32 (&x)[kCount]) {
    for (F32& v : x) v = F32::all(0.5f) * v * erfc_of<xsimd::batch<float>>(v * F32::all(-0.70710678f));
  }
};

// dst[i] = Function(x[i]), times factor[i] where that is given; the last values, fewer than a vector, in a padded copy.
template <class Function, bool kFactor>
inline void apply(float* dst, const float* x, const float* factor, size_t n) {
  const auto apply_at = [&]<size_t kCount>(size_t i) {
    F32 values[kCount];
    for (size_t v = 0; v < kCount; ++v) values[v] = F32::load(x + i + v * F32::kWidth);
    Function::apply(values);
    for (size_t v = 0; v < kCount; ++v) {
      if constexpr (kFactor) values[v] = values[v] * F32::load(factor + i + v * F32::kWidth);
      values[v].store(dst + i + v * F32::kWidth);
    }
  };
  size_t i = 0;
  for (; i + 4 * F32::kWidth <= n; i += 4 * F32::kWidth) apply_at.template operator()<4>(i);
  for (; i + F32::kWidth <= n; i += F32::kWidth) apply_at.template operator()<1>(i);
  if (i == n) return;
  alignas(64) float rest[F32::kWidth] = {};
  for (size_t k = i; k < n; ++k) rest[k - i] = x[k];
  F32 last[1] = {F32::load(rest)};
  Function::apply(last);
  last[0].store(rest);
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

}  // namespace

extern const ActivationKernels MICA_TABLE(activation) = {
    .silu = activate<Silu>,
    .silu_mul = activate_mul<Silu>,
    .gelu = activate<Gelu>,
    .gelu_tanh = activate<GeluTanh>,
    .gelu_tanh_mul = activate_mul<GeluTanh>,
    .quick_gelu = activate<QuickGelu>,
};

}  // namespace mica::simd
