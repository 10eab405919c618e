// Decoder: the loop over layers. Not arithmetic: ops/.
#include "decoder.hpp"

#include <algorithm>
#include <cstring>

#include "checked.hpp"
#include "linear.hpp"

namespace mica {

using simd::kKeyBlock;

void Decoder::plan(const Model& model, size_t rows, Arena* arena, size_t cached) {
  const DecoderSpec& d = model.spec.decoder;
  attention_ = {.heads = d.heads, .kv_heads = d.kv_heads, .head_dim = d.head_dim};
  shape_ = {.hidden = d.hidden,
            .query_width = static_cast<size_t>(d.heads) * d.head_dim,
            .key_width = static_cast<size_t>(d.kv_heads) * d.head_dim,
            .feed_forward = d.feed_forward,
            .norm = Norm::rms,
            .epsilon = d.norm_epsilon,
            .activation = d.activation,
            .down_rotation = model.weights.decoder.stream.down()};
  plan_block(shape_, rows, rows, arena, &buffers_);
  rope_.half = d.head_dim / 2;
  rope_.cosine = arena->take<float>(rows * rope_.half);
  rope_.sine = arena->take<float>(rows * rope_.half);
  key_head_stride_ = round_up(rows, kKeyBlock) * d.head_dim;
  keys_visual_ = arena->take<float>(key_head_stride_ * d.kv_heads);
  keys_text_ = arena->take<float>(key_head_stride_ * d.kv_heads);
  partials_ = arena->take<float>(cache_partial_floats(attention_, cached));
}

size_t Decoder::scratch_bytes(const Model& model) {
  const DecoderSpec& d = model.spec.decoder;
  const LayerWeights& layer = model.weights.decoder.layers[0];
  size_t bytes = cache_attention_scratch_bytes({.heads = d.heads, .kv_heads = d.kv_heads, .head_dim = d.head_dim});
  for (const Matrix* matrix :
       {&layer.query, &layer.key, &layer.output, &layer.gate, &layer.down, &model.weights.decoder.lm_head})
    bytes = std::max(bytes, linear_scratch_bytes(*matrix));
  return bytes;
}

void Decoder::attend(const Compute& compute, const Chunk& chunk, KvCache* cache, size_t layer) {
  const size_t d = attention_.head_dim;
  const float* keys = buffers_.qkv + shape_.query_width;
  const float* values = keys + shape_.key_width;
  const size_t stride = buffers_.qkv_stride;
  const size_t text = chunk.count - chunk.visual;
  parallel_for(compute, attention_.kv_heads, [&](size_t head, int) {
    const auto pack = compute.kernels->f32->pack_keys;
    pack(keys_visual_ + head * key_head_stride_, 0, keys + head * d, stride, chunk.visual, d);
    pack(keys_text_ + head * key_head_stride_, 0, keys + chunk.visual * stride + head * d, stride, text, d);
  });
  KeyValueRun runs[2];
  size_t count = 0;
  KeyValueRun run;
  run.key_head_stride = key_head_stride_;
  run.value_stride = stride;
  run.value_head_stride = d;
  if (chunk.visual > 0) {
    run.count = chunk.visual;
    run.keys_f32 = keys_visual_;
    run.values_f32 = values;
    run.allowed = chunk.allowed_visual;
    runs[count++] = run;
  }
  if (text > 0) {
    run.count = text;
    run.keys_f32 = keys_text_;
    run.values_f32 = values + chunk.visual * stride;
    run.allowed = chunk.allowed_text;
    runs[count++] = run;
  }
  const CachedRows cached = cache ? cache->cached(layer) : CachedRows{};
  cache_attention(compute, attention_, buffers_.qkv, stride, chunk.count, cached, runs, count, partials_,
                  buffers_.rows.values, shape_.query_width);
}

KvRows Decoder::key_value_rows(size_t count) const {
  float* keys = buffers_.qkv + shape_.query_width;
  return {keys, keys + shape_.key_width, buffers_.qkv_stride, count};
}

void Decoder::begin(const Compute& compute, const Model& model, const Chunk& chunk) {
  const StreamTransform& stream = model.weights.decoder.stream;
  if (stream.rotated)
    rotate_rows(compute, stream.residual_plan, stream.signs.data(), buffers_.x, shape_.hidden, chunk.count, false);
  place(compute, model, chunk);
}

void Decoder::place(const Compute& compute, const Model& model, const Chunk& chunk) {
  rope_fill(compute, rope_, chunk.positions, 3, chunk.count, model.rope.frequency.data(), model.rope.axis_of.data());
}

void Decoder::run_layer(const Compute& compute, const Model& model, const LayerWeights& layer, size_t index,
                        const Chunk& chunk, KvCache* cache) {
  const DecoderSpec& d = model.spec.decoder;
  const bool interleaved = d.rope.interleaved;
  const size_t stride = buffers_.qkv_stride;
  float* keys = buffers_.qkv + shape_.query_width;
  if (!project_qkv(compute, shape_, layer, buffers_, chunk.count, chunk.visual)) return;
  norm_heads(compute, layer.query_norm, d.norm_epsilon, buffers_.qkv, stride, chunk.count, d.heads, d.head_dim);
  norm_heads(compute, layer.key_norm, d.norm_epsilon, keys, stride, chunk.count, d.kv_heads, d.head_dim);
  rope_apply(compute, rope_, buffers_.qkv, stride, chunk.count, d.heads, d.head_dim, interleaved);
  rope_apply(compute, rope_, keys, stride, chunk.count, d.kv_heads, d.head_dim, interleaved);
  attend(compute, chunk, cache, index);
  if (cache) cache->append(compute, index, key_value_rows(chunk.count), chunk.appended());
  if (!add_attention(compute, shape_, layer, buffers_, chunk.count, chunk.visual)) return;
  add_mlp(compute, shape_, layer, buffers_, chunk.count, chunk.visual);
}

void Decoder::run(const Compute& compute, const Model& model, const Chunk& chunk, KvCache* cache) {
  begin(compute, model, chunk);
  const std::vector<LayerWeights>& layers = model.weights.decoder.layers;
  for (size_t i = 0; i < layers.size(); ++i) run_layer(compute, model, layers[i], i, chunk, cache);
  cache->advance(chunk.appended());
}

void Decoder::logits(const Compute& compute, const Model& model, const uint32_t* rows, size_t count, float* logits) {
  const DecoderWeights& w = model.weights.decoder;
  // Gathered behind each other; the attention buffer is free by now and wide enough.
  float* last = buffers_.qkv;
  for (size_t i = 0; i < count; ++i)
    std::memcpy(last + i * shape_.hidden, buffers_.x + rows[i] * shape_.hidden, shape_.hidden * sizeof(float));
  if (w.stream.rotated)
    rotate_rows(compute, w.stream.residual_plan, w.stream.signs.data(), last, shape_.hidden, count, true);
  norm_rows(compute, Norm::rms, w.final_norm, shape_.epsilon, last, shape_.hidden, last, shape_.hidden, count,
            shape_.hidden);
  if (w.stream.vocabulary_rotation)
    rotate_rows(compute, w.stream.residual_plan, w.stream.signs.data(), last, shape_.hidden, count, false);
  const Rows in =
      enter_rows(compute, w.head_in, w.lm_head, last, shape_.hidden, count, 0, shape_.hidden, buffers_.rows);
  linear(compute, logits, w.lm_head.rows, in, w.lm_head);
}

}  // namespace mica
