// Block: the shared pieces of decoder and vision layers. Not arithmetic: ops/ and simd/.
#include "block.hpp"

#include <algorithm>

#include "linear.hpp"

namespace mica {

void plan_block(const BlockShape& shape, size_t rows, size_t mlp_rows, Arena* arena, BlockBuffers* buffers) {
  const size_t width = std::max(shape.hidden, shape.query_width);
  buffers->qkv_stride = shape.query_width + 2 * shape.key_width;
  buffers->mlp_rows = mlp_rows;
  buffers->x = arena->take<float>(rows * shape.hidden);
  buffers->rows.values = arena->take<float>(rows * width);
  buffers->rows.quantized = arena->take<int8_t>(
      std::max(rows * simd::quantized_row_bytes(width), mlp_rows * simd::quantized_row_bytes(shape.feed_forward)));
  buffers->rows.sums = arena->take<int32_t>(rows);
  buffers->rows.rank1 = arena->take<float>(rows);
  buffers->rows.kept = arena->take<float>(rows * kKeptChannelsMax);
  buffers->qkv = arena->take<float>(rows * buffers->qkv_stride);
  buffers->mlp = arena->take<float>(mlp_rows * 2 * shape.feed_forward);
}

void norm_heads(const Compute& compute, const float* weight, float epsilon, float* x, size_t stride, size_t rows,
                size_t heads, size_t head_dim) {
  if (weight == nullptr) return;
  for_rows(compute, rows, [&](size_t row) {
    for (size_t head = 0; head < heads; ++head) {
      float* values = x + row * stride + head * head_dim;
      compute.kernels->f32->rms_norm(values, values, weight, epsilon, head_dim);
    }
  });
}

bool project_qkv(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                 const BlockBuffers& buffers, size_t rows, size_t visual) {
  const Rows in = enter_norm(compute, layer.attention_in, layer.query, shape.norm, layer.attention_norm, shape.epsilon,
                             buffers.x, shape.hidden, rows, visual, shape.hidden, buffers.rows);
  float* target = buffers.qkv;
  for (const Matrix* matrix : {&layer.query, &layer.key, &layer.value}) {
    linear(compute, target, buffers.qkv_stride, in, *matrix);
    target += matrix->rows;
  }
  return in.count != 0;
}

bool add_attention(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                   const BlockBuffers& buffers, size_t rows, size_t visual) {
  const Rows in = enter_rows(compute, layer.output_in, layer.output, buffers.rows.values, shape.query_width, rows,
                             visual, shape.query_width, buffers.rows);
  linear(compute, buffers.x, shape.hidden, in, layer.output, {.add = true, .scale = layer.attention_scale});
  return in.count != 0;
}

bool add_mlp(const Compute& compute, const BlockShape& shape, const LayerWeights& layer, const BlockBuffers& buffers,
             size_t rows, size_t visual) {
  const size_t stride = 2 * shape.feed_forward;
  float* gate = buffers.mlp;
  float* up = buffers.mlp + shape.feed_forward;
  bool complete = true;
  for (size_t first = 0; first < rows; first += buffers.mlp_rows) {
    const size_t count = std::min(buffers.mlp_rows, rows - first);
    const size_t visual_here = visual <= first ? 0 : std::min(visual - first, count);
    float* x = buffers.x + first * shape.hidden;
    const Rows in = enter_norm(compute, layer.mlp_in, layer.up, shape.norm, layer.mlp_norm, shape.epsilon, x,
                               shape.hidden, count, visual_here, shape.hidden, buffers.rows);
    complete = complete && in.count != 0;
    if (in.count == 0) continue;
    linear(compute, up, stride, in, layer.up);
    const bool gated = layer.gate.rows != 0;
    if (gated) linear(compute, gate, stride, in, layer.gate);
    const Rows activated =
        enter_activated(compute, layer.down_in, layer.down, {shape.activation, gated ? gate : up, gated ? up : nullptr},
                        shape.down_rotation, gate, stride, count, visual_here, shape.feed_forward, buffers.rows);
    complete = complete && activated.count != 0;
    linear(compute, x, shape.hidden, activated, layer.down, {.add = true, .scale = layer.mlp_scale});
  }
  return complete;
}

}  // namespace mica
