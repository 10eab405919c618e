// Block: the shared pieces of decoder and vision layers. Not arithmetic: ops/ and simd/.
#include "block.hpp"

#include <algorithm>

#include "kept_rows.hpp"
#include "linear.hpp"

namespace mica {

namespace {

// The matrices that read the rows which enter a layer's mixing, in the order in which what they give is laid out.
constexpr Slot kProjections[] = {Slot::qkv, Slot::query, Slot::key, Slot::value, Slot::attention_gate,
                                 Slot::convolution_in, Slot::delta_in, Slot::delta_gate, Slot::delta_strength,
                                 Slot::delta_decay};

// Of the matrix that adds to the stream what a layer's mixing gives.
Slot output_slot(const LayerWeights& layer) {
  for (const Slot slot : {Slot::convolution_out, Slot::delta_out})
    if (layer.matrices[slot].rows != 0) return slot;
  return Slot::output;
}

}  // namespace

size_t projected_width(std::span<const LayerWeights> layers) {
  size_t most = 0;
  for (const LayerWeights& layer : layers) {
    size_t width = 0;
    for (const Slot slot : kProjections) width += layer.matrices[slot].rows;
    if (layer.values_are_keys()) width += layer.matrices[Slot::key].rows;
    most = std::max(most, width);
  }
  return most;
}

size_t feed_forward_width(std::span<const LayerWeights> layers) {
  size_t most = 0;
  for (const LayerWeights& layer : layers) most = std::max(most, layer.matrices[Slot::down].columns);
  return most;
}

size_t mixed_width(std::span<const LayerWeights> layers) {
  size_t most = 0;
  for (const LayerWeights& layer : layers) most = std::max(most, layer.matrices[output_slot(layer)].columns);
  return most;
}

void plan_block(const BlockShape& shape, size_t rows, size_t mlp_rows, Arena* arena, BlockBuffers* buffers) {
  const size_t width = std::max({shape.hidden, shape.mixed_width, shape.layer_input});
  buffers->qkv_stride = shape.projected_width;
  buffers->mlp_rows = mlp_rows;
  buffers->x = arena->take<float>(rows * shape.hidden);
  buffers->rows.values = arena->take<float>(rows * width);
  buffers->rows.quantized = arena->take<int8_t>(
      std::max(rows * quantized_row_bytes(width), mlp_rows * quantized_row_bytes(shape.feed_forward)));
  buffers->rows.sums = arena->take<int32_t>(rows);
  buffers->rows.rank1 = arena->take<float>(rows);
  buffers->rows.kept = arena->take<float>(rows * kKeptChannelsMax);
  buffers->qkv = arena->take<float>(rows * buffers->qkv_stride);
  buffers->mlp = arena->take<float>(mlp_rows * std::max(2 * shape.feed_forward, shape.layer_input));
  if (shape.factor_width != 0) {
    buffers->between.values = arena->take<float>(rows * shape.factor_width);
    buffers->between.quantized = arena->take<int8_t>(rows * quantized_row_bytes(shape.factor_width));
    buffers->between.sums = arena->take<int32_t>(rows);
  }
  if (shape.post_norms || shape.keeps_rows) buffers->added = arena->take<float>(rows * shape.hidden);
  if (shape.keeps_rows) buffers->kept = arena->take<float>(std::max(rows * width, mlp_rows * shape.feed_forward));
}

bool has_post_norms(std::span<const LayerWeights> layers) {
  return std::any_of(layers.begin(), layers.end(), [](const LayerWeights& layer) {
    constexpr Slot kPostNorms[] = {Slot::attention_post_norm, Slot::mlp_post_norm, Slot::layer_input_norm};
    return std::any_of(std::begin(kPostNorms), std::end(kPostNorms),
                       [&](Slot slot) { return layer.norms[slot].weight != nullptr; });
  });
}

bool keeps_rows(std::span<const LayerWeights> layers) {
  return std::any_of(layers.begin(), layers.end(), [](const LayerWeights& layer) {
    return std::any_of(layer.matrices.begin(), layer.matrices.end(),
                       [](const Matrix& matrix) { return matrix.keeps_rows(); });
  });
}

size_t layers_scratch_bytes(std::span<const LayerWeights> layers) {
  size_t bytes = 0;
  for (const LayerWeights& layer : layers) {
    for (const Matrix& matrix : layer.matrices) bytes = std::max(bytes, linear_scratch_bytes(matrix));
    for (const FirstFactor& factor : layer.first) bytes = std::max(bytes, linear_scratch_bytes(factor.matrix));
  }
  return bytes;
}

namespace {

// Rows times a slot's matrix, or visual ones times that of their expert.
void multiply(const Compute& compute, float* dst, size_t stride, const Rows& in, const LayerWeights& layer, Slot slot,
              const BlockBuffers& buffers, const LinearFinish& finish = {}) {
  const Matrix& matrix = layer.matrices[slot];
  if (matrix.keeps_rows() && in.values != nullptr)
    return multiply_kept(compute, dst, stride, in, matrix, buffers.kept, buffers.rows);
  const Slot expert = visual_slot(slot);
  if (expert == Slot::count || layer.matrices[expert].rows == 0)
    return linear(compute, dst, stride, in, matrix, finish);
  if (in.visual > 0)
    linear(compute, dst, stride, rows_between(in, 0, in.visual), layer.matrices[expert], finish);
  if (in.count > in.visual)
    linear(compute, dst + in.visual * stride, stride, rows_between(in, in.visual, in.count), matrix, finish);
}

// x += scale * norm(matrix(in)), rows from `first_row` on.
void add_product(const Compute& compute, const BlockShape& shape, const BlockBuffers& buffers, const Rows& in,
                 const LayerWeights& layer, Slot slot, const NormWeights& norm, const float* scale, size_t first_row) {
  float* x = buffers.x + first_row * shape.hidden;
  if (norm.weight == nullptr && !layer.matrices[slot].keeps_rows())
    return multiply(compute, x, shape.hidden, in, layer, slot, buffers, {.add = true, .scale = scale});
  float* added = buffers.added + first_row * shape.hidden;
  multiply(compute, added, shape.hidden, in, layer, slot, buffers);
  if (norm.weight != nullptr)
    norm_rows(compute, shape.norm, norm, shape.epsilon, added, shape.hidden, added, shape.hidden, in.count,
              shape.hidden);
  add_rows(compute, x, added, in.count, shape.hidden, scale);
}

// Rows of the stream for the matrices of a site, behind the norm that stands there.
Rows enter_stream(const Compute& compute, const BlockShape& shape, const LayerWeights& layer, Site site, Slot norm,
                  const BlockBuffers& buffers, const float* x, size_t rows, size_t visual) {
  if (!shape.norms_before)
    return enter_rows(compute, layer.points[site], layer.reader(site), x, shape.hidden, rows, visual, shape.hidden,
                      buffers.rows);
  return enter_norm(compute, layer.points[site], layer.reader(site), shape.norm, layer.norms[norm], shape.epsilon, x,
                    shape.hidden, rows, visual, shape.hidden, buffers.rows);
}

// What enters the matrix of a slot: the rows of its site, or what a first factor makes of them.
Rows enter_slot(const Compute& compute, const LayerWeights& layer, Slot slot, const Rows& in,
                const BlockBuffers& buffers) {
  const FirstFactor* factor = layer.first_of(slot);
  if (factor == nullptr || in.count == 0) return in;
  const size_t width = factor->matrix.rows;
  linear(compute, buffers.between.values, width, in, factor->matrix);
  return enter_rows(compute, factor->point, layer.matrices[slot], buffers.between.values, width, in.count, in.visual,
                    width, buffers.between);
}

}  // namespace

bool project_qkv(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                 const BlockBuffers& buffers, size_t rows, size_t visual) {
  const Rows in = enter_stream(compute, shape, layer, Site::attention_in, Slot::attention_norm, buffers, buffers.x,
                               rows, visual);
  float* target = buffers.qkv;
  for (const Slot slot : kProjections) {
    const Matrix& matrix = layer.matrices[slot];
    if (matrix.rows == 0) continue;
    const Rows entered = enter_slot(compute, layer, slot, in, buffers);
    if (entered.count != in.count) return false;
    multiply(compute, target, buffers.qkv_stride, entered, layer, slot, buffers);
    target += matrix.rows;
    if (slot != Slot::key || !layer.values_are_keys()) continue;
    for (size_t row = 0; row < in.count; ++row)
      std::copy_n(target - matrix.rows + row * buffers.qkv_stride, matrix.rows, target + row * buffers.qkv_stride);
    target += matrix.rows;
  }
  return in.count != 0;
}

bool add_attention(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                   const BlockBuffers& buffers, size_t rows, size_t visual) {
  const Slot slot = output_slot(layer);
  const Matrix& output = layer.matrices[slot];
  if (const StreamTransform::MixedPlan* plan = shape.stream->mixed(slot, output.columns))
    rotate_rows(compute, plan->rotation, plan->signs.data(), buffers.rows.values, output.columns, rows, false);
  const Rows in = enter_rows(compute, layer.points[Site::output_in], output, buffers.rows.values, output.columns, rows,
                             visual, output.columns, buffers.rows);
  if (in.count == 0) return false;
  add_product(compute, shape, buffers, in, layer, slot, layer.norms[Slot::attention_post_norm],
              layer.vectors[Slot::attention_scale], 0);
  return true;
}

bool add_mlp(const Compute& compute, const BlockShape& shape, const LayerWeights& layer, const BlockBuffers& buffers,
             size_t rows, size_t visual) {
  const Matrix& gate = layer.matrices[Slot::gate];
  const Matrix& down = layer.matrices[Slot::down];
  const size_t width = down.columns, stride = 2 * width;
  const bool gated = gate.rows != 0;
  float* gates = buffers.mlp;
  float* ups = buffers.mlp + width;
  const Activated activation{shape.activation, gated ? gates : ups, gated ? ups : nullptr};
  bool complete = true;
  for (size_t first = 0; first < rows; first += buffers.mlp_rows) {
    const size_t count = std::min(buffers.mlp_rows, rows - first);
    const size_t visual_here = visual <= first ? 0 : std::min(visual - first, count);
    float* x = buffers.x + first * shape.hidden;
    const Rows in =
        enter_stream(compute, shape, layer, Site::mlp_in, Slot::mlp_norm, buffers, x, count, visual_here);
    complete = complete && in.count != 0;
    if (in.count == 0) continue;
    multiply(compute, ups, stride, in, layer, Slot::up, buffers);
    if (gated) multiply(compute, gates, stride, in, layer, Slot::gate, buffers);
    const Rows activated = enter_activated(compute, layer.points[Site::down_in], down, activation,
                                           shape.stream->down(width), gates, stride, count, visual_here, width,
                                           buffers.rows);
    complete = complete && activated.count != 0;
    if (activated.count == 0) continue;
    add_product(compute, shape, buffers, activated, layer, Slot::down, layer.norms[Slot::mlp_post_norm],
                layer.vectors[Slot::mlp_scale], first);
  }
  return complete;
}

void add_layer_input(const Compute& compute, const BlockShape& shape, const LayerWeights& layer,
                     const BlockBuffers& buffers, const float* inputs, size_t stride, size_t rows) {
  const size_t width = shape.layer_input;
  const Rows in = float_rows(buffers.x, rows, shape.hidden);
  multiply(compute, buffers.mlp, width, in, layer, Slot::layer_input_gate, buffers);
  for_rows(compute, rows, [&](size_t row) {
    float* gate = buffers.mlp + row * width;
    activate_row(*compute.kernels, shape.activation, gate, gate, inputs + row * stride, width);
  });
  add_product(compute, shape, buffers, float_rows(buffers.mlp, rows, width), layer, Slot::layer_input_out,
              layer.norms[Slot::layer_input_norm], nullptr, 0);
}

}  // namespace mica
