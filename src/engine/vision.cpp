// Vision: patches in, tokens out. Not arithmetic: ops/.
#include "vision.hpp"

#include <algorithm>
#include <cstring>

#include "checked.hpp"
#include "linear.hpp"

namespace mica {
namespace {

using simd::kKeyBlock;

// Rows that pass through the MLP at once: its buffers are bounded whatever the picture's size, and a widened block of
// weights still serves many rows.
constexpr size_t kMlpRows = 512;

// One tile of planes [3][height][width] as rows of patch values [3][patch][patch]: what the convolution of the patch
// embedding reads (its temporal size is 1 in these families).
void cut_patches(const PixelPlan& plan, uint32_t patch, const float* planes, float* rows) {
  const size_t plane = static_cast<size_t>(plan.width) * plan.height;
  for (size_t gy = 0; gy < plan.grid_height; ++gy)
    for (size_t gx = 0; gx < plan.grid_width; ++gx)
      for (size_t channel = 0; channel < 3; ++channel)
        for (size_t y = 0; y < patch; ++y, rows += patch)
          std::memcpy(rows, planes + channel * plane + (gy * patch + y) * plan.width + gx * patch,
                      patch * sizeof(float));
}

// Features of merge x merge patches, which stand row by row, behind each other: one row a token.
void merge_patches(const VisionSpec& v, const PixelPlan& plan, const float* features, size_t tokens, float* merged) {
  const size_t run = size_t{v.merge} * v.hidden;  // adjacent in the source
  const size_t columns = std::max<size_t>(1, plan.grid_width / v.merge);
  for (size_t token = 0; token < tokens; ++token)
    for (size_t y = 0; y < v.merge; ++y, merged += run) {
      const size_t patch =
          v.merge == 1 ? token : (token / columns * v.merge + y) * plan.grid_width + token % columns * v.merge;
      std::memcpy(merged, features + patch * v.hidden, run * sizeof(float));
    }
}

// Row and column of each patch, in the order of PictureLayout::patches: windows of merge x merge, row by row.
void window_positions(const PixelPlan& plan, uint32_t merge, uint32_t* positions) {
  for (uint32_t wy = 0; wy < plan.grid_height; wy += merge)
    for (uint32_t wx = 0; wx < plan.grid_width; wx += merge)
      for (uint32_t y = 0; y < merge; ++y)
        for (uint32_t x = 0; x < merge; ++x, positions += 2) {
          positions[0] = wy + y;
          positions[1] = wx + x;
        }
}

}  // namespace

size_t Vision::tokens_of(const ModelSpec& spec, const PixelPlan& plan) {
  const VisionSpec& v = spec.vision;
  const size_t in_tile =
      static_cast<size_t>(plan.grid_width) * plan.grid_height / (static_cast<size_t>(v.merge) * v.merge);
  return plan.tiles * (in_tile + v.keep_class_token);
}

void Vision::plan(const Model& model, size_t patches, Arena* arena) {
  const VisionSpec& v = model.spec.vision;
  const size_t rows = patches + v.class_token;
  const size_t tokens = patches / (static_cast<size_t>(v.merge) * v.merge) + v.keep_class_token;
  attention_ = {.heads = v.heads, .kv_heads = v.heads, .head_dim = v.head_dim()};
  shape_ = {.hidden = v.hidden,
            .query_width = v.hidden,
            .key_width = v.hidden,
            .feed_forward = v.feed_forward,
            .norm = v.norm,
            .epsilon = v.norm_epsilon,
            .activation = v.activation,
            .down_rotation = model.weights.vision.stream.down()};
  plan_block(shape_, rows, std::min(rows, kMlpRows), arena, &buffers_);
  if (v.positions == VisionPositions::rope_2d) {
    rope_.half = v.head_dim() / 2;
    rope_.cosine = arena->take<float>(rows * rope_.half);
    rope_.sine = arena->take<float>(rows * rope_.half);
    positions_ = arena->take<uint32_t>(rows * 2);
  }
  key_head_stride_ = round_up(rows, kKeyBlock) * v.head_dim();
  if (model.weights.vision.stream.integer_attention && integer_attention_serves(attention_))
    packed_heads_ = arena->take<uint8_t>(packed_heads_bytes(attention_, rows));
  else
    keys_ = arena->take<float>(key_head_stride_ * v.heads);
  if (model.spec.pictures.layout == PictureLayout::planes) patches_ = arena->take<float>(patches * v.patch_values());
  merged_ = arena->take<float>(tokens * shape_.hidden * v.merge * v.merge);
  projected_ = arena->take<float>(tokens * v.projector_hidden);
  const size_t merged_width = shape_.hidden * v.merge * v.merge;
  outer_.values = arena->take<float>(tokens * merged_width);
  outer_.quantized = arena->take<int8_t>(
      std::max({patches * simd::quantized_row_bytes(v.patch_values()), tokens * simd::quantized_row_bytes(merged_width),
                tokens * simd::quantized_row_bytes(v.projector_hidden)}));
  outer_.sums = arena->take<int32_t>(std::max(patches, tokens));
}

size_t Vision::scratch_bytes(const Model& model) {
  const VisionSpec& v = model.spec.vision;
  const VisionWeights& w = model.weights.vision;
  const AttentionShape attention = {.heads = v.heads, .kv_heads = v.heads, .head_dim = v.head_dim()};
  size_t bytes = std::max(attention_scratch_bytes(attention), integer_attention_scratch_bytes(attention));
  const LayerWeights& layer = w.layers[0];
  for (const Matrix* matrix :
       {&w.patch_embedding, &layer.query, &layer.output, &layer.up, &layer.down, &w.projector_up, &w.projector_down})
    bytes = std::max(bytes, linear_scratch_bytes(*matrix));
  return bytes;
}

void Vision::embed(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixels) {
  const VisionSpec& v = model.spec.vision;
  const VisionWeights& w = model.weights.vision;
  const size_t patches = static_cast<size_t>(plan.grid_width) * plan.grid_height;
  const size_t hidden = shape_.hidden;
  if (patches_ != nullptr) {
    cut_patches(plan, v.patch, pixels, patches_);
    pixels = patches_;
  }
  const Rows in = enter_rows(compute, w.patches_in, w.patch_embedding, pixels, v.patch_values(), patches, patches,
                             v.patch_values(), outer_);
  if (in.count == 0) return;  // an observer stopped here
  float* first_patch = buffers_.x + (v.class_token ? hidden : 0);
  linear(compute, first_patch, hidden, in, w.patch_embedding);
  if (v.class_token) std::memcpy(buffers_.x, w.class_token, hidden * sizeof(float));
  const size_t rows = patches + v.class_token;
  if (w.positions != nullptr)
    for (size_t row = 0; row < rows; ++row)
      compute.kernels->f32->finish_row(buffers_.x + row * hidden, w.positions + row * hidden, nullptr, nullptr,
                                       buffers_.x + row * hidden, hidden);
  if (w.pre_norm.weight != nullptr)
    norm_rows(compute, v.norm, w.pre_norm, v.norm_epsilon, buffers_.x, hidden, buffers_.x, hidden, rows, hidden);
  if (w.stream.rotated)
    rotate_rows(compute, w.stream.residual_plan, w.stream.signs.data(), buffers_.x, hidden, rows, false);
}

void Vision::attend(const Compute& compute, size_t rows) {
  const size_t d = attention_.head_dim;
  const size_t stride = buffers_.qkv_stride;
  const float* keys = buffers_.qkv + shape_.query_width;
  if (packed_heads_ != nullptr)
    return integer_attention(compute, attention_, buffers_.qkv, keys, keys + shape_.key_width, stride, rows,
                             packed_heads_, buffers_.rows.values, shape_.hidden);
  parallel_for(compute, attention_.heads, [&](size_t head, int) {
    compute.kernels->f32->pack_keys(keys_ + head * key_head_stride_, 0, keys + head * d, stride, rows, d);
  });
  KeyValueRun run;
  run.count = rows;
  run.keys_f32 = keys_;
  run.key_head_stride = key_head_stride_;
  run.values_f32 = keys + shape_.key_width;
  run.value_stride = stride;
  run.value_head_stride = d;
  attention(compute, attention_, buffers_.qkv, stride, rows, &run, 1, buffers_.rows.values, shape_.hidden);
}

void Vision::project(const Compute& compute, const Model& model, const PixelPlan& plan, float* rows) {
  const VisionSpec& v = model.spec.vision;
  const VisionWeights& w = model.weights.vision;
  const size_t hidden = shape_.hidden;
  const size_t merged_width = hidden * v.merge * v.merge;
  const size_t patches = static_cast<size_t>(plan.grid_width) * plan.grid_height;
  const size_t tokens = patches / (static_cast<size_t>(v.merge) * v.merge) + v.keep_class_token;
  const float* features = buffers_.x + (v.class_token && !v.keep_class_token ? hidden : 0);
  const Norm norm = v.projector == Projector::mlp ? Norm::rms : Norm::layer;
  const bool norm_first = v.projector == Projector::patch_merger;
  if (norm_first) {
    // Patches of a window are adjacent already: merging them is only another view of the same rows.
    norm_rows(compute, norm, w.projector_norm, v.projector_norm_epsilon, merged_, hidden, features, hidden, patches,
              hidden);
  } else {
    merge_patches(v, plan, features, tokens, merged_);
  }
  const bool norm_merged = v.projector == Projector::pixel_shuffle;
  const Rows in =
      norm_merged ? enter_norm(compute, w.projector_in, w.projector_up, norm, w.projector_norm,
                               v.projector_norm_epsilon, merged_, merged_width, tokens, tokens, merged_width, outer_)
                  : enter_rows(compute, w.projector_in, w.projector_up, merged_, merged_width, tokens, tokens,
                               merged_width, outer_);
  if (in.count == 0) return;  // an observer stopped here
  linear(compute, projected_, v.projector_hidden, in, w.projector_up);
  const Rows activated = enter_activated(compute, w.projector_down_in, w.projector_down,
                                         {v.projector_activation, projected_, nullptr}, nullptr, projected_,
                                         v.projector_hidden, tokens, tokens, v.projector_hidden, outer_);
  linear(compute, rows, model.spec.decoder.hidden, activated, w.projector_down);
}

size_t Vision::rows_of(const ModelSpec& spec, const PixelPlan& plan) {
  return static_cast<size_t>(plan.grid_width) * plan.grid_height + spec.vision.class_token;
}

void Vision::place(const Compute& compute, const Model& model, const PixelPlan& plan) {
  if (rope_.half == 0) return;
  window_positions(plan, model.spec.vision.merge, positions_);
  rope_fill(compute, rope_, positions_, 2, rows_of(model.spec, plan), model.vision_rope.frequency.data(),
            model.vision_rope.axis_of.data());
}

void Vision::begin(const Compute& compute, const Model& model, const PixelPlan& plan, const float* tile_pixels) {
  place(compute, model, plan);
  embed(compute, model, plan, tile_pixels);
}

void Vision::run_layer(const Compute& compute, const Model& model, const LayerWeights& layer, const PixelPlan& plan) {
  const VisionSpec& v = model.spec.vision;
  const size_t count = rows_of(model.spec, plan);
  if (!project_qkv(compute, shape_, layer, buffers_, count, count)) return;
  if (rope_.half != 0) {
    rope_apply(compute, rope_, buffers_.qkv, buffers_.qkv_stride, count, v.heads, v.head_dim(), false);
    rope_apply(compute, rope_, buffers_.qkv + shape_.query_width, buffers_.qkv_stride, count, v.heads, v.head_dim(),
               false);
  }
  attend(compute, count);
  if (!add_attention(compute, shape_, layer, buffers_, count, count)) return;
  add_mlp(compute, shape_, layer, buffers_, count, count);
}

void Vision::finish(const Compute& compute, const Model& model, const PixelPlan& plan, float* tile_rows) {
  const VisionSpec& v = model.spec.vision;
  const NormWeights& norm = model.weights.vision.post_norm;
  if (norm.weight != nullptr)  // not in a rotated stream: quantization keeps towers with such a norm unrotated
    norm_rows(compute, v.norm, norm, v.norm_epsilon, buffers_.x, shape_.hidden, buffers_.x, shape_.hidden,
              rows_of(model.spec, plan), shape_.hidden);
  project(compute, model, plan, tile_rows);
}

void Vision::run(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixel_values,
                 float* rows) {
  const size_t tile_values = plan.values / plan.tiles;
  const size_t tile_floats = tokens_of(model.spec, plan) / plan.tiles * model.spec.decoder.hidden;
  for (size_t tile = 0; tile < plan.tiles; ++tile) {
    begin(compute, model, plan, pixel_values + tile * tile_values);
    for (const LayerWeights& layer : model.weights.vision.layers) run_layer(compute, model, layer, plan);
    finish(compute, model, plan, rows + tile * tile_floats);
  }
}

}  // namespace mica
