// quantize kernels at level scalar: the definition.
#include <cmath>

#include "quantize_kernels.hpp"
#include "own_table.hpp"
#include "scalar/quantize_value.hpp"

namespace mica::simd {

namespace {

int32_t quantize_row(int8_t* dst, const float* x, float multiplier, size_t n) {
  return quantize_values(dst, multiplier, n, [x](size_t i) { return x[i]; });
}

// The sum of term(x[i]): 64 partial sums, i % 64 each, then by halves.
template <class Term>
float interleaved_sum(const float* x, size_t n, const Term& term) {
  float partial[64] = {};
  for (size_t i = 0; i < n; ++i) partial[i % 64] += term(x[i]);
  for (size_t half = 32; half > 0; half /= 2)
    for (size_t k = 0; k < half; ++k) partial[k] += partial[k + half];
  return partial[0];
}

int32_t rms_norm_quantize(int8_t* dst, const float* x, const float* weight, float epsilon, float multiplier, size_t n) {
  const float squares = interleaved_sum(x, n, [](float v) { return v * v; });
  const float scale = multiplier / std::sqrt(squares / static_cast<float>(n) + epsilon);
  return quantize_values(dst, scale, n, [=](size_t i) { return weight ? x[i] * weight[i] : x[i]; });
}

int32_t layer_norm_quantize(int8_t* dst, const float* x, const float* weight, const float* bias, float epsilon,
                            float multiplier, size_t n) {
  const float mean = interleaved_sum(x, n, [](float v) { return v; }) / static_cast<float>(n);
  const float squares = interleaved_sum(x, n, [mean](float v) { return (v - mean) * (v - mean); });
  const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(n) + epsilon);
  if (!weight && !bias) return quantize_values(dst, inverse * multiplier, n, [=](size_t i) { return x[i] - mean; });
  return quantize_values(dst, multiplier, n, [=](size_t i) {
    const float normal = (x[i] - mean) * inverse;
    return (weight ? normal * weight[i] : normal) + (bias ? bias[i] : 0.0f);
  });
}

}  // namespace

extern const QuantizeKernels MICA_TABLE(quantize) = {
    .quantize_row = quantize_row,
    .rms_norm_quantize = rms_norm_quantize,
    .layer_norm_quantize = layer_norm_quantize,
};

}  // namespace mica::simd
