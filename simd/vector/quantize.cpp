// Norms that quantize, on the vectors of a level: one source for all. Not the definition: quantize_kernels.hpp.
#include "own_table.hpp"
#include "quantize_row_inl.hpp"

namespace mica::simd {
namespace {

// The sum of term(x[i]) in 64 partial sums, i % 64 each, then by halves: the same order at every level. `neutral` is a
// value whose term is zero.
template <class Term>
float interleaved_sum(const float* x, size_t n, float neutral, const Term& term) {
  constexpr size_t kPartial = 64;
  constexpr size_t kVectors = kPartial / F32::kWidth;
  F32 sums[kVectors];
  for (size_t k = 0; k < kVectors; ++k) sums[k] = F32::all(0.0f);
  size_t i = 0;
  for (; i + kPartial <= n; i += kPartial) {
#pragma GCC unroll 16
    for (size_t k = 0; k < kVectors; ++k) sums[k] = sums[k] + term(F32::load(x + i + k * F32::kWidth));
  }
  float rest[kPartial];
  if (i < n) {
    for (size_t k = 0; k < kPartial; ++k) rest[k] = i + k < n ? x[i + k] : neutral;
    for (size_t k = 0; k < kVectors; ++k) sums[k] = sums[k] + term(F32::load(rest + k * F32::kWidth));
  }
  for (size_t k = 0; k < kVectors; ++k) sums[k].store(rest + k * F32::kWidth);
  for (size_t half = kPartial / 2; half > 0; half /= 2)
    for (size_t k = 0; k < half; ++k) rest[k] += rest[k + half];
  return rest[0];
}

int32_t rms_norm_quantize(int8_t* dst, const float* x, const float* weight, float epsilon, float multiplier, size_t n) {
  if (n == 0) return 0;
  const float squares = interleaved_sum(x, n, 0.0f, [](F32 v) { return v * v; });
  const float scale = multiplier / __builtin_sqrtf(squares / static_cast<float>(n) + epsilon);
  if (!weight) return quantize_row(dst, x, scale, n);
  return produce(dst, {x, weight, nullptr}, n, scale,
                 [](const Inputs& in) { return F32::load(in.x) * F32::load(in.weight); });
}

int32_t layer_norm_quantize(int8_t* dst, const float* x, const float* weight, const float* bias, float epsilon,
                            float multiplier, size_t n) {
  if (n == 0) return 0;
  const float mean = interleaved_sum(x, n, 0.0f, [](F32 v) { return v; }) / static_cast<float>(n);
  const F32 middle = F32::all(mean);
  const float squares = interleaved_sum(x, n, mean, [middle](F32 v) { return (v - middle) * (v - middle); });
  const float inverse = 1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + epsilon);
  if (!weight && !bias)
    return produce(dst, {x, nullptr, nullptr}, n, inverse * multiplier,
                   [middle](const Inputs& in) { return F32::load(in.x) - middle; });
  const F32 scale = F32::all(inverse);
  return produce(dst, {x, weight, bias}, n, multiplier, [middle, scale](const Inputs& in) {
    F32 value = (F32::load(in.x) - middle) * scale;
    if (in.weight) value = value * F32::load(in.weight);
    if (in.bias) value = value + F32::load(in.bias);
    return value;
  });
}

}  // namespace

extern const QuantizeKernels MICA_TABLE(quantize) = {
    .quantize_row = quantize_row,
    .rms_norm_quantize = rms_norm_quantize,
    .layer_norm_quantize = layer_norm_quantize,
};

}  // namespace mica::simd
