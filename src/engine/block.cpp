// Block: the shared pieces of decoder and vision layers. Not arithmetic: ops/ and simd/.
#include "block.hpp"

#include <algorithm>

#include "checked.hpp"
#include "linear.hpp"

namespace mica {
namespace {

// Rows that one task of a row-wise step handles.
constexpr size_t kTaskRows = 8;

template <class Body>
void for_row_tasks(const Compute& compute, size_t rows, const Body& body) {
  parallel_for(compute, ceil_div(rows, kTaskRows), [&](size_t task, int) {
    const size_t end = std::min(rows, (task + 1) * kTaskRows);
    for (size_t row = task * kTaskRows; row < end; ++row) body(row);
  });
}

Rows rows_of(const float* values, size_t stride, size_t rows, size_t visual, size_t width) {
  return {.count = rows, .visual = visual, .width = width, .values = values, .stride = stride};
}

}  // namespace

void norm_rows(const Compute& compute, Norm norm, const NormWeights& weights, float epsilon, float* dst, size_t dst_stride,
               const float* src, size_t src_stride, size_t rows, size_t width) {
  const simd::FloatKernels& kernels = *compute.kernels->f32;
  for_row_tasks(compute, rows, [&](size_t row) {
    if (norm == Norm::rms)
      kernels.rms_norm(dst + row * dst_stride, src + row * src_stride, weights.weight, epsilon, width);
    else
      kernels.layer_norm(dst + row * dst_stride, src + row * src_stride, weights.weight, weights.bias, epsilon, width);
  });
}

void norm_heads(const Compute& compute, const float* weight, float epsilon, float* x, size_t stride, size_t rows,
                size_t heads, size_t head_dim) {
  if (weight == nullptr) return;
  for_row_tasks(compute, rows, [&](size_t row) {
    for (size_t head = 0; head < heads; ++head) {
      float* values = x + row * stride + head * head_dim;
      compute.kernels->f32->rms_norm(values, values, weight, epsilon, head_dim);
    }
  });
}

void activate_rows(const Compute& compute, Activation activation, float* dst, const float* src, const float* factor,
                   size_t stride, size_t rows, size_t width) {
  const simd::ActivationKernels& kernels = *compute.kernels->activation;
  for_row_tasks(compute, rows, [&](size_t row) {
    float* out = dst + row * stride;
    const float* in = src + row * stride;
    const float* by = factor ? factor + row * stride : nullptr;
    switch (activation) {
      case Activation::silu: by ? kernels.silu_mul(out, in, by, width) : kernels.silu(out, in, width); return;
      case Activation::gelu_tanh: by ? kernels.gelu_tanh_mul(out, in, by, width) : kernels.gelu_tanh(out, in, width); return;
      case Activation::gelu: kernels.gelu(out, in, width); break;
      case Activation::quick_gelu: kernels.quick_gelu(out, in, width); break;
    }
    for (size_t i = 0; by && i < width; ++i) out[i] *= by[i];
  });
}

void project_qkv(const Compute& compute, const BlockShape& shape, const LayerWeights& layer, const BlockBuffers& buffers,
                 size_t rows, size_t visual) {
  norm_rows(compute, shape.norm, layer.attention_norm, shape.epsilon, buffers.normed, shape.hidden, buffers.x, shape.hidden,
            rows, shape.hidden);
  const Rows in = rows_of(buffers.normed, shape.hidden, rows, visual, shape.hidden);
  linear(compute, buffers.qkv, buffers.qkv_stride, in, layer.query);
  linear(compute, buffers.qkv + shape.query_width, buffers.qkv_stride, in, layer.key);
  linear(compute, buffers.qkv + shape.query_width + shape.key_width, buffers.qkv_stride, in, layer.value);
}

void add_attention(const Compute& compute, const BlockShape& shape, const LayerWeights& layer, const BlockBuffers& buffers,
                   size_t rows, size_t visual) {
  const Rows in = rows_of(buffers.normed, shape.query_width, rows, visual, shape.query_width);
  linear(compute, buffers.x, shape.hidden, in, layer.output, {.add = true, .scale = layer.attention_scale});
}

void add_mlp(const Compute& compute, const BlockShape& shape, const LayerWeights& layer, const BlockBuffers& buffers,
             size_t rows, size_t visual) {
  norm_rows(compute, shape.norm, layer.mlp_norm, shape.epsilon, buffers.normed, shape.hidden, buffers.x, shape.hidden, rows,
            shape.hidden);
  const size_t stride = 2 * shape.feed_forward;
  for (size_t first = 0; first < rows; first += buffers.mlp_rows) {
    const size_t count = std::min(buffers.mlp_rows, rows - first);
    const size_t visual_here = visual <= first ? 0 : std::min(visual - first, count);
    const Rows in = rows_of(buffers.normed + first * shape.hidden, shape.hidden, count, visual_here, shape.hidden);
    float* gate = buffers.mlp;
    float* up = buffers.mlp + shape.feed_forward;
    linear(compute, up, stride, in, layer.up);
    if (layer.gate.rows != 0) {
      linear(compute, gate, stride, in, layer.gate);
      activate_rows(compute, shape.activation, gate, gate, up, stride, count, shape.feed_forward);
    } else {
      activate_rows(compute, shape.activation, gate, up, nullptr, stride, count, shape.feed_forward);
    }
    const Rows activated = rows_of(gate, stride, count, visual_here, shape.feed_forward);
    linear(compute, buffers.x + first * shape.hidden, shape.hidden, activated, layer.down, {.add = true, .scale = layer.mlp_scale});
  }
}

}  // namespace mica
