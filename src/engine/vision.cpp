// Vision: patches in, tokens out. Not arithmetic: ops/.
#include "vision.hpp"

#include <algorithm>
#include <cstring>

#include "checked.hpp"
#include "linear.hpp"
#include "patch_order.hpp"
#include "token_grid.hpp"

namespace mica {
namespace {


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

size_t tile_tokens(const ModelSpec& spec, const PixelPlan& plan) {
  return tokens_of_grid(spec, plan.grid_height, plan.grid_width, plan.shown);
}

TokenGrid token_grid(const ModelSpec& spec, const PixelPlan& plan) {
  const uint32_t side = spec.vision.token_side();
  return TokenGrid(spec, plan, plan.grid_width / side, plan.grid_height / side);
}

}  // namespace

size_t Vision::tokens_of(const ModelSpec& spec, const PixelPlan& plan) {
  const size_t tokens = tile_tokens(spec, plan);
  if (rejoins_tiles(spec, plan.shown)) return tokens + token_grid(spec, plan).tokens();
  if (!plan.has_overview()) return plan.tiles * tokens;
  return plan.grid_tiles() * tokens + tokens_of_tile(spec, plan, plan.overview_tile());
}

size_t Vision::tokens_of_tile(const ModelSpec& spec, const PixelPlan& plan, uint32_t tile) {
  return tile_tokens(spec, tile_of(plan, tile).plan);
}

size_t Vision::token_columns(const ModelSpec& spec, const PixelPlan& plan) {
  return std::max(1u, plan.grid_width / spec.vision.token_side());
}

void Vision::plan(const Model& model, size_t patches, Arena* arena) {
  const VisionSpec& v = model.spec.vision;
  const size_t rows = stem_steps(model.spec).out().count_max(patches);
  attention_ = {.heads = v.heads, .kv_heads = v.heads, .head_dim = v.head_dim()};
  shape_ = {.hidden = v.hidden,
            .projected_width = projected_width(model.weights.vision.layers),
            .mixed_width = mixed_width(model.weights.vision.layers),
            .feed_forward = feed_forward_width(model.weights.vision.layers),
            .norm = v.norm,
            .epsilon = v.norm_epsilon,
            .activation = v.activation,
            .norms_before = !v.norms_behind,
            .post_norms = has_post_norms(model.weights.vision.layers),
            .keeps_rows = keeps_rows(model.weights.vision.layers),
            .stream = &model.weights.vision.stream};
  plan_block(shape_, rows, std::min(rows, kMlpRows), arena, &buffers_);
  if (v.rope_2d) {
    rope_.half = v.head_dim() / 2;
    rope_.parts = v.rope_apart ? 2 : 1;
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
  if (v.features() > 1) features_ = arena->take<float>(rows * v.features() * v.hidden);
  step_buffers_.plan(model.spec, patches, arena);
  if (rejoins_tiles(model.spec))
    tile_rows_ = arena->take<float>(projector_steps(model.spec).out().count_max(patches) * model.spec.decoder.hidden);
}

size_t Vision::scratch_bytes(const Model& model) {
  const VisionSpec& v = model.spec.vision;
  const VisionWeights& w = model.weights.vision;
  const AttentionShape attention = {.heads = v.heads, .kv_heads = v.heads, .head_dim = v.head_dim()};
  size_t bytes = std::max(attention_scratch_bytes(attention), integer_attention_scratch_bytes(attention));
  if (v.queries != 0) bytes = std::max(bytes, attention_scratch_bytes(Resampler::shape(v)));
  bytes = std::max({bytes, layers_scratch_bytes(w.layers), layers_scratch_bytes(w.inner),
                    layers_scratch_bytes(model.weights.frames.layers)});
  const auto needs = [&](const StepWeights& steps) {
    for (const Matrix& matrix : steps.matrices) bytes = std::max(bytes, linear_scratch_bytes(matrix));
  };
  needs(w);
  needs(model.weights.frames);
  std::for_each(w.taps.begin(), w.taps.end(), needs);
  return bytes;
}

void Vision::embed(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixels) {
  const VisionWeights& tower = model.weights.tower(plan.shown);
  const StreamTransform& stream = tower.stream;
  if (patches_ != nullptr) {
    cut_patches(plan, model.spec.vision.patch, pixels, patches_);
    pixels = patches_;
  }
  if (!run_steps(compute, model, tower, plan, stem_steps(model.spec), step_buffers_, {pixels, nullptr}, buffers_.x))
    return;
  if (stream.rotated)
    rotate_rows(compute, stream.residual_plan, stream.signs.data(), buffers_.x, shape_.hidden,
                rows_of(model.spec, plan), false);
}

void Vision::attend(const Compute& compute, size_t first, size_t rows) {
  const size_t d = attention_.head_dim;
  const size_t stride = buffers_.qkv_stride;
  const float* queries = buffers_.qkv + first * stride;
  const float* keys = queries + shape_.hidden;
  float* out = buffers_.rows.values + first * shape_.hidden;
  if (packed_heads_ != nullptr)
    return integer_attention(compute, attention_, queries, keys, keys + shape_.hidden, stride, rows, packed_heads_,
                             out, shape_.hidden);
  parallel_for(compute, attention_.heads, [&](size_t head, int) {
    pack_keys(compute, keys_ + head * key_head_stride_, keys + head * d, stride, rows, d);
  });
  KeyValueRun run;
  run.count = rows;
  run.keys_f32 = keys_;
  run.key_head_stride = key_head_stride_;
  run.values_f32 = keys + shape_.hidden;
  run.value_stride = stride;
  run.value_head_stride = d;
  attention(compute, attention_, queries, stride, rows, &run, 1, out, shape_.hidden);
}

void Vision::attend(const Compute& compute, const ModelSpec& spec, size_t layer, const PixelPlan& plan) {
  const PatchOrder order = layer_order(spec, plan);
  if (order.window == 0 || spec.vision.full_layers.has(static_cast<uint32_t>(layer)))
    return attend(compute, 0, rows_of(spec, plan));
  for (size_t i = 0; i < order.windows(); ++i) {
    const PatchRun run = order.run(i);
    attend(compute, run.first, run.count);
  }
}

size_t Vision::rows_of(const ModelSpec& spec, const PixelPlan& plan) {
  return stem_steps(spec).out().count(plan.grid_height, plan.grid_width);
}

void Vision::place(const Compute& compute, const Model& model, const PixelPlan& plan) {
  if (rope_.half == 0) return;
  const PatchOrder order = layer_order(model.spec, plan);
  for (size_t i = 0; i < order.count(); ++i) {
    const PatchPlace place = order.place(i);
    positions_[2 * i] = place.row;
    positions_[2 * i + 1] = place.column;
  }
  rope_fill(compute, rope_, positions_, 2, rows_of(model.spec, plan), model.vision_rope.frequency.data(),
            model.vision_rope.axis_of.data());
}

void Vision::begin(const Compute& compute, const Model& model, const PixelPlan& plan, const float* tile_pixels) {
  place(compute, model, plan);
  embed(compute, model, plan, tile_pixels);
}

size_t Vision::feature_floats(const ModelSpec& spec, const PixelPlan& plan) {
  return spec.vision.features() > 1 ? rows_of(spec, plan) * spec.vision.features() * spec.vision.hidden : 0;
}

void Vision::take_features(const ModelSpec& spec, size_t layers_before, const PixelPlan& plan, float* features) const {
  const StateList& states = spec.vision.feature_states;
  const size_t count = states.count == 0 ? 0 : rows_of(spec, plan), width = spec.vision.hidden;
  for (size_t i = 0; i < states.count; ++i) {
    if (static_cast<size_t>(states.states[i]) != layers_before) continue;
    for (size_t row = 0; row < count; ++row)
      std::copy_n(buffers_.x + row * width, width, features + (row * states.count + i) * width);
  }
}

void Vision::run_layer(const Compute& compute, const Model& model, const LayerWeights& layer, size_t index,
                       const PixelPlan& plan) {
  const VisionSpec& v = model.spec.vision;
  const size_t count = rows_of(model.spec, plan);
  if (!project_qkv(compute, shape_, layer, buffers_, count, count)) return;
  float* keys = buffers_.qkv + shape_.hidden;
  const size_t normed_heads = v.width_norms ? 1 : v.heads, normed = v.hidden / normed_heads, stride = buffers_.qkv_stride;
  norm_heads(compute, layer.norms[Slot::query_norm].weight, v.head_norm_epsilon, buffers_.qkv, stride, count,
             normed_heads, normed);
  norm_heads(compute, layer.norms[Slot::key_norm].weight, v.head_norm_epsilon, keys, stride, count, normed_heads, normed);
  norm_heads(compute, layer.norms[Slot::value_norm].weight, v.head_norm_epsilon, keys + v.hidden, stride, count,
             v.heads, v.head_dim());
  if (rope_.half != 0) {
    rope_apply(compute, rope_, buffers_.qkv, stride, count, v.heads, v.head_dim(), false);
    rope_apply(compute, rope_, keys, stride, count, v.heads, v.head_dim(), false);
  }
  attend(compute, model.spec, index, plan);
  if (!add_attention(compute, shape_, layer, buffers_, count, count)) return;
  add_mlp(compute, shape_, layer, buffers_, count, count);
}

void Vision::to_squares(const ModelSpec& spec, const PixelPlan& plan) {
  const PatchOrder from = pixel_order(spec.pictures, plan);
  PatchOrder to = from;
  to.unit = spec.vision.merge;
  float* moved = buffers_.rows.values;
  for (size_t row = 0; row < to.count(); ++row)
    std::copy_n(buffers_.x + from.index_of(to.place(row)) * shape_.hidden, shape_.hidden, moved + row * shape_.hidden);
  std::copy_n(moved, to.count() * shape_.hidden, buffers_.x);
}

void Vision::run_squares(const Compute& compute, const Model& model, const LayerWeights& layer, const PixelPlan& plan) {
  const size_t count = rows_of(model.spec, plan), square = size_t{model.spec.vision.merge} * model.spec.vision.merge;
  if (!project_qkv(compute, shape_, layer, buffers_, count, count)) return;
  for (size_t first = 0; first < count; first += square) attend(compute, first, square);
  add_attention(compute, shape_, layer, buffers_, count, count);
}

void Vision::merge_squares(const Compute& compute, const Model& model, const PixelPlan& plan) {
  const StepPlan steps = inner_steps(model.spec);
  float* merged = buffers_.rows.values;
  if (run_steps(compute, model, model.weights.vision, plan, steps, step_buffers_, {buffers_.x, nullptr}, merged))
    std::copy_n(merged, steps.out().count(plan.grid_height, plan.grid_width) * shape_.hidden, buffers_.x);
}

PixelPlan Vision::behind_squares(const ModelSpec& spec, const PixelPlan& plan) {
  PixelPlan behind = plan;
  behind.grid_width /= spec.vision.merge;
  behind.grid_height /= spec.vision.merge;
  return behind;
}

void Vision::finish(const Compute& compute, const Model& model, const PixelPlan& plan, float* tile_rows) {
  // No list has a norm of the stream as it is where the stream is rotated: quantization keeps such towers unrotated.
  float* stream = features_ != nullptr ? features_ : buffers_.x;
  run_steps(compute, model, model.weights.vision, plan, projector_steps(model.spec, plan.shown), step_buffers_,
            {stream, stream}, tile_rows);
}

void Vision::tap(const Compute& compute, const Model& model, size_t index, const PixelPlan& plan, float* tile_rows) {
  run_steps(compute, model, model.weights.vision.taps[index], plan, tap_steps(model.spec), step_buffers_,
            {buffers_.x, nullptr}, tile_rows);
}

void Vision::put_tile(const Model& model, const PixelPlan& plan, uint32_t tile, const float* tile_rows, float* rows) {
  const size_t width = model.spec.decoder.hidden, floats = tokens_of_tile(model.spec, plan, tile) * width;
  if (!rejoins_tiles(model.spec, plan.shown)) {
    for (uint32_t before = 0; before < tile; ++before) rows += tokens_of_tile(model.spec, plan, before) * width;
    std::copy_n(tile_rows, floats, rows);
    return;
  }
  // The thumbnail, which is the first tile, then the grid of all others.
  const TokenGrid grid = token_grid(model.spec, plan);
  if (tile == 0) {
    std::copy_n(tile_rows, floats, rows);
    grid.begin(model.weights.vision.vectors[Slot::row_end], width, rows + floats);
  } else {
    grid.add(tile - 1, tile_rows, width, rows + tile_tokens(model.spec, plan) * width);
  }
}

void Vision::merge_rows(const Compute& compute, const Model& model, PixelPlan* plan) {
  to_squares(model.spec, *plan);
  for (const LayerWeights& layer : model.weights.vision.inner) run_squares(compute, model, layer, *plan);
  merge_squares(compute, model, *plan);
  *plan = behind_squares(model.spec, *plan);
  place(compute, model, *plan);
}

bool Vision::run_next(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixel_values,
                      float* rows, Progress* progress) {
  const VisionWeights& weights = model.weights.tower(plan.shown);
  const size_t width = model.spec.decoder.hidden, floats = tokens_of(model.spec, plan) * width;
  const bool rejoins = rejoins_tiles(model.spec, plan.shown);
  const PixelTile one = tile_of(plan, progress->tile);
  PixelPlan& at = progress->at;
  if (progress->layer == 0) {
    begin(compute, model, one.plan, pixel_values + one.first_value);
    at = one.plan;
    progress->taps = 0;
    take_features(model.spec, 0, at, features_);
  }
  if (const size_t i = progress->layer; i < weights.layers.size()) {
    run_layer(compute, model, weights.layers[i], i, at);
    take_features(model.spec, i + 1, at, features_);
    if (model.spec.vision.taps.has(static_cast<uint32_t>(i))) {
      ++progress->taps;
      tap(compute, model, progress->taps - 1, at, rows + progress->taps * floats + progress->first);
    }
    if (model.spec.vision.inner_layer == static_cast<int32_t>(i)) merge_rows(compute, model, &at);
    if (++progress->layer < weights.layers.size()) return false;
  }
  finish(compute, model, at, rejoins ? tile_rows_ : rows + progress->first);
  if (rejoins) put_tile(model, plan, progress->tile, tile_rows_, rows);
  progress->first += tile_tokens(model.spec, one.plan) * width;
  progress->layer = 0;
  return ++progress->tile == plan.tiles;
}

Status Vision::run(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixel_values,
                   float* rows, Work* work) {
  Progress progress;
  do {
    MICA_TRY(work->check_cancelled());
  } while (!run_next(compute, model, plan, pixel_values, rows, &progress));
  return Status::ok();
}

}  // namespace mica
