// Rows of floats to int8 on the vectors of a level: what producers and rotations share. Not norms:
// simd/vector/quantize.cpp. Everything here has internal linkage.
#pragma once

#include <vector.hpp>

#include "quantize_kernels.hpp"

namespace mica::simd {
namespace {

// A position in the inputs of a producer; weight and bias may be null.
struct Inputs {
  const float* x;
  const float* weight;
  const float* bias;
  Inputs at(size_t i) const { return {x + i, weight ? weight + i : nullptr, bias ? bias + i : nullptr}; }
};

// Quantizes multiplier * value(inputs at i) for i < n, a vector at a time; the last values, fewer than 32, from padded
// copies.
template <class Value>
int32_t produce(int8_t* dst, const Inputs& inputs, size_t n, float multiplier, const Value& value) {
  constexpr size_t kStep = Quantizer::kVectors * F32::kWidth;
  static_assert(kStep == 32);
  const F32 by = F32::all(multiplier);
  Quantizer quantizer;
  F32 v[Quantizer::kVectors];
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
#pragma GCC unroll 8
    for (size_t k = 0; k < Quantizer::kVectors; ++k) v[k] = value(inputs.at(i + k * F32::kWidth)) * by;
    quantizer.put(v, dst + i);
  }
  if (i == n) return quantizer.sum();
  float rest[3][kStep] = {};
  for (size_t k = i; k < n; ++k) {
    rest[0][k - i] = inputs.x[k];
    if (inputs.weight) rest[1][k - i] = inputs.weight[k];
    if (inputs.bias) rest[2][k - i] = inputs.bias[k];
  }
  const Inputs last = {rest[0], inputs.weight ? rest[1] : nullptr, inputs.bias ? rest[2] : nullptr};
  float values[kStep];
  for (size_t k = 0; k < kStep; k += F32::kWidth) (value(last.at(k)) * by).store(values + k);
  for (size_t k = n - i; k < kStep; ++k) values[k] = 0.0f;
  for (size_t k = 0; k < Quantizer::kVectors; ++k) v[k] = F32::load(values + k * F32::kWidth);
  quantizer.put(v, dst + i);
  return quantizer.sum();
}

int32_t quantize_row(int8_t* dst, const float* x, float multiplier, size_t n) {
  return produce(dst, {x, nullptr, nullptr}, n, multiplier,
                 [](const Inputs& in) { return F32::load(in.x); });
}

}  // namespace
}  // namespace mica::simd
