// DeltaRule: columns of the states, which do not meet each other, in blocks that stay in a core's nearest cache.
#include "delta_rule.hpp"

#include <algorithm>
#include <cmath>

namespace mica {
namespace {

constexpr size_t kBlock = 32;  // columns of a state

// To length one, times `scale`.
void normalize(float* x, size_t count, float scale) {
  constexpr float kEpsilon = 1e-6f;
  float squares = 0;
  for (size_t i = 0; i < count; ++i) squares += x[i] * x[i];
  const float factor = scale / std::sqrt(squares + kEpsilon);
  for (size_t i = 0; i < count; ++i) x[i] *= factor;
}

float softplus(float x) { return x > 20.0f ? x : std::log1p(std::exp(x)); }

// What a row brings to the states, in place.
void prepare_row(const DeltaShape& shape, const float* rate, const float* bias, float* x, float* strength,
                 float* decay) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(shape.key_dim));
  for (size_t head = 0; head < shape.key_heads; ++head) {
    normalize(x + head * shape.key_dim, shape.key_dim, scale);
    normalize(x + (shape.key_heads + head) * shape.key_dim, shape.key_dim, 1.0f);
  }
  for (size_t head = 0; head < shape.value_heads; ++head) {
    strength[head] = 1.0f / (1.0f + std::exp(-strength[head]));
    decay[head] = std::exp(-std::exp(rate[head]) * softplus(decay[head] + bias[head]));
  }
}

// One row on a block of columns, [key_dim][kBlock]; `values` become outputs.
void step(float* state, size_t key_dim, const float* query, const float* key, float decay, float strength,
          float* values) {
  float sums[kBlock] = {};
  for (size_t i = 0; i < key_dim; ++i)
    for (size_t c = 0; c < kBlock; ++c) sums[c] += key[i] * state[i * kBlock + c];
  float change[kBlock];
  for (size_t c = 0; c < kBlock; ++c) change[c] = strength * (values[c] - decay * sums[c]);
  for (float& sum : sums) sum = 0;
  for (size_t i = 0; i < key_dim; ++i)
    for (size_t c = 0; c < kBlock; ++c) {
      const float kept = decay * state[i * kBlock + c] + key[i] * change[c];
      state[i * kBlock + c] = kept;
      sums[c] += query[i] * kept;
    }
  std::copy_n(sums, kBlock, values);
}

// The columns from `first` on of a head's state, `width` of them, through all rows.
void run_block(const DeltaShape& shape, const DeltaRows& rows, size_t head, size_t first, size_t width, float* state) {
  const size_t key_head = head / (shape.value_heads / shape.key_heads);
  const size_t queries = key_head * shape.key_dim, keys = (shape.key_heads + key_head) * shape.key_dim;
  const size_t place = 2 * shape.key_heads * shape.key_dim + head * shape.value_dim + first;
  float values[kBlock] = {};
  for (size_t t = 0; t < rows.count; ++t) {
    const size_t offset = (rows.in_order ? rows.in_order[t] : t) * rows.stride;
    float* x = rows.x + offset;
    std::copy_n(x + place, width, values);
    step(state, shape.key_dim, x + queries, x + keys, rows.decay[offset + head], rows.strength[offset + head], values);
    std::copy_n(values, width, x + place);
  }
}

}  // namespace

void delta_rule(const Compute& compute, const DeltaShape& shape, const float* rate, const float* bias,
                const DeltaRows& rows, const float* before, float* after) {
  for_rows(compute, rows.count, [&](size_t row) {
    const size_t offset = row * rows.stride;
    prepare_row(shape, rate, bias, rows.x + offset, rows.strength + offset, rows.decay + offset);
  });
  const size_t blocks = ceil_div(shape.value_dim, kBlock), head_floats = shape.key_dim * shape.value_dim;
  parallel_for(compute, shape.value_heads * blocks, [&](size_t task, int thread) {
    const size_t head = task / blocks, first = task % blocks * kBlock;
    const size_t width = std::min(kBlock, shape.value_dim - first);
    float* state = compute.scratch_of<float>(thread);
    const size_t place = head * head_floats + first;
    std::fill_n(state, shape.key_dim * kBlock, 0.0f);
    for (size_t i = 0; before && i < shape.key_dim; ++i)
      std::copy_n(before + place + i * shape.value_dim, width, state + i * kBlock);
    run_block(shape, rows, head, first, width, state);
    for (size_t i = 0; after && i < shape.key_dim; ++i)
      std::copy_n(state + i * kBlock, width, after + place + i * shape.value_dim);
  });
}

size_t delta_scratch_bytes(const DeltaShape& shape) { return shape.key_dim * kBlock * sizeof(float); }

}  // namespace mica
