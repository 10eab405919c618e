// DeltaRule: columns of the states, which do not meet each other, in blocks that stay in a core's nearest cache. The
// arithmetic of a step: simd/float_kernels.hpp.
#include "delta_rule.hpp"

#include <algorithm>
#include <cmath>

#include "float_kernels.hpp"
#include "kernels.hpp"

namespace mica {
namespace {

using simd::kDeltaColumns;

// To length one, times `scale`: what has a root mean square of one is as long as the root of its count.
void normalize(const simd::Kernels& kernels, float* x, size_t count, float scale) {
  constexpr float kEpsilon = 1e-6f;  // of the sum of squares
  const auto values = static_cast<float>(count);
  kernels.f32->rms_norm(x, x, nullptr, kEpsilon / values, count);
  const float factor = scale / std::sqrt(values);
  for (size_t i = 0; i < count; ++i) x[i] *= factor;
}

float softplus(float x) { return x > 20.0f ? x : std::log1p(std::exp(x)); }

// What a row brings to the states, in place.
void prepare_row(const simd::Kernels& kernels, const DeltaShape& shape, const float* rate, const float* bias, float* x,
                 float* strength, float* decay) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(shape.key_dim));
  for (size_t head = 0; head < shape.key_heads; ++head) {
    normalize(kernels, x + head * shape.key_dim, shape.key_dim, scale);
    normalize(kernels, x + (shape.key_heads + head) * shape.key_dim, shape.key_dim, 1.0f);
  }
  for (size_t head = 0; head < shape.value_heads; ++head) {
    strength[head] = 1.0f / (1.0f + std::exp(-strength[head]));
    decay[head] = std::exp(-std::exp(rate[head]) * softplus(decay[head] + bias[head]));
  }
}

// The columns from `first` on of a head's state, `width` of them, through all rows.
void run_block(const simd::Kernels& kernels, const DeltaShape& shape, const DeltaRows& rows, size_t head, size_t first,
               size_t width, float* state) {
  const size_t key_head =
      shape.in_turns ? head % shape.key_heads : head / (shape.value_heads / shape.key_heads);
  const size_t queries = key_head * shape.key_dim, keys = (shape.key_heads + key_head) * shape.key_dim;
  const size_t place = 2 * shape.key_heads * shape.key_dim + head * shape.value_dim + first;
  const auto offset_of = [&](size_t t) { return (rows.in_order ? rows.in_order[t] : t) * rows.stride; };
  float values[kDeltaColumns] = {}, sums[kDeltaColumns] = {};
  const float* key = rows.x + offset_of(0) + keys;
  // A step that forgets and learns nothing: what the state gives for the first key.
  kernels.f32->delta_step(state, shape.key_dim, key, key, key, 1, 0, values, sums);
  for (size_t t = 0; t < rows.count; ++t) {
    const size_t offset = offset_of(t);
    float* x = rows.x + offset;
    const float* next = t + 1 < rows.count ? rows.x + offset_of(t + 1) + keys : key;
    std::copy_n(x + place, width, values);
    kernels.f32->delta_step(state, shape.key_dim, x + queries, key, next, rows.decay[offset + head],
                            rows.strength[offset + head], values, sums);
    std::copy_n(values, width, x + place);
    key = next;
  }
}

}  // namespace

void delta_rule(const Compute& compute, const DeltaShape& shape, const float* rate, const float* bias,
                const DeltaRows& rows, const float* before, float* after) {
  for_rows(compute, rows.count, [&](size_t row) {
    const size_t offset = row * rows.stride;
    prepare_row(*compute.kernels, shape, rate, bias, rows.x + offset, rows.strength + offset, rows.decay + offset);
  });
  const size_t blocks = ceil_div(shape.value_dim, kDeltaColumns), head_floats = shape.key_dim * shape.value_dim;
  parallel_for(compute, shape.value_heads * blocks, [&](size_t task, int thread) {
    const size_t head = task / blocks, first = task % blocks * kDeltaColumns;
    const size_t width = std::min(kDeltaColumns, shape.value_dim - first);
    float* state = compute.scratch_of<float>(thread);
    const size_t place = head * head_floats + first;
    std::fill_n(state, shape.key_dim * kDeltaColumns, 0.0f);
    for (size_t i = 0; before && i < shape.key_dim; ++i)
      std::copy_n(before + place + i * shape.value_dim, width, state + i * kDeltaColumns);
    run_block(*compute.kernels, shape, rows, head, first, width, state);
    for (size_t i = 0; after && i < shape.key_dim; ++i)
      std::copy_n(state + i * kDeltaColumns, width, after + place + i * shape.value_dim);
  });
}

size_t delta_scratch_bytes(const DeltaShape& shape) { return shape.key_dim * kDeltaColumns * sizeof(float); }

}  // namespace mica
