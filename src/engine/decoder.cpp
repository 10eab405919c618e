// Decoder: the loop over layers. Not arithmetic: ops/.
#include "decoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

#include "checked.hpp"
#include "linear.hpp"
#include "query_scale.hpp"
#include "state_mixing.hpp"

namespace mica {
namespace {

size_t rows_of(DecoderParts parts) {
  size_t rows = 0;
  for (const DecoderPart& part : parts) rows += part.chunk.count;
  return rows;
}

}  // namespace

void Decoder::plan(const Model& model, const Room& room, Arena* arena) {
  const DecoderSpec& d = model.spec.decoder;
  const size_t rows = room.rows;
  attention_ = {.heads = d.heads, .kv_heads = d.kv_heads, .head_dim = d.head_dim};
  shape_ = {.hidden = d.hidden,
            .query_width = static_cast<size_t>(d.heads) * d.head_dim,
            .key_width = static_cast<size_t>(d.kv_heads) * d.head_dim,
            .projected_width = projected_width(model.weights.decoder.layers),
            .mixed_width = mixed_width(model.weights.decoder.layers),
            .feed_forward = d.feed_forward,
            .norm = Norm::rms,
            .epsilon = d.norm_epsilon,
            .activation = d.activation,
            .post_norms = has_post_norms(model.weights.decoder.layers),
            .down_rotation = model.weights.decoder.stream.down()};
  taps_ = model.spec.vision.taps.count;
  plan_block(shape_, rows, rows, arena, &buffers_);
  for (size_t i = 0; i < std::size(ropes_); ++i) {
    RopeTable& table = ropes_[i];
    table.half = model.ropes[i].frequency.size();
    table.cosine = arena->take<float>(rows * table.half);
    table.sine = arena->take<float>(rows * table.half);
    table.scale = model.ropes[i].scale;
  }
  if (may_grow(d.rope) || may_grow(d.window_rope)) frequency_grown_ = arena->take<float>(d.head_dim / 2);
  key_head_stride_ = round_up(rows, kKeyBlock) * d.head_dim;
  keys_visual_ = arena->take<float>(key_head_stride_ * d.kv_heads);
  keys_text_ = arena->take<float>(key_head_stride_ * d.kv_heads);
  partials_ = arena->take<float>(cache_partial_floats(attention_, room.cached));
  head_rows_ = arena->take<float>(room.logit_rows * shape_.hidden);
}

size_t Decoder::scratch_bytes(const Model& model) {
  const DecoderSpec& d = model.spec.decoder;
  return std::max({cache_attention_scratch_bytes({.heads = d.heads, .kv_heads = d.kv_heads, .head_dim = d.head_dim}),
                   state_mixing_scratch_bytes(d), layers_scratch_bytes(model.weights.decoder.layers),
                   linear_scratch_bytes(model.weights.decoder.lm_head)});
}

void Decoder::attend(const Compute& compute, const DecoderPart& part, size_t first_row, size_t layer,
                     const LayerSpec& spec) {
  const Chunk& chunk = part.chunk;
  const bool windowed = spec.window != 0;
  const RowCounts& allowed = spec.sees_blocks ? chunk.sight.allowed_in_blocks : chunk.sight.allowed;
  const size_t d = attention_.head_dim;
  const size_t stride = buffers_.qkv_stride;
  const float* queries = buffers_.qkv + first_row * stride;
  const float* keys = queries + shape_.query_width;
  const float* values = keys + shape_.key_width;
  const size_t text = chunk.count - chunk.visual;
  parallel_for(compute, attention_.kv_heads, [&](size_t head, int) {
    pack_keys(compute, keys_visual_ + head * key_head_stride_, keys + head * d, stride, chunk.visual, d);
    pack_keys(compute, keys_text_ + head * key_head_stride_, keys + chunk.visual * stride + head * d, stride, text, d);
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
    run.allowed = allowed.visual;
    run.unseen.counts = windowed ? chunk.sight.unseen.visual : nullptr;
    runs[count++] = run;
  }
  if (text > 0) {
    run.count = text;
    run.keys_f32 = keys_text_;
    run.values_f32 = values + chunk.visual * stride;
    run.allowed = allowed.text;
    run.unseen.counts = windowed ? chunk.sight.unseen.text : nullptr;
    runs[count++] = run;
  }
  const CachedRows cached =
      part.cache ? part.cache->cached(layer, windowed ? chunk.sight.unseen_cached : CachedUnseen{}) : CachedRows{};
  cache_attention(compute, attention_, queries, stride, chunk.count, cached, runs, count, partials_,
                  buffers_.rows.values + first_row * shape_.query_width, shape_.query_width);
}

KvRows Decoder::key_value_rows(size_t count, size_t first_row) const {
  float* keys = buffers_.qkv + first_row * buffers_.qkv_stride + shape_.query_width;
  return {keys, keys + shape_.key_width, buffers_.qkv_stride, count};
}

void Decoder::begin(const Compute& compute, const Model& model, DecoderParts parts) {
  const StreamTransform& stream = model.weights.decoder.stream;
  if (stream.rotated)
    rotate_rows(compute, stream.residual_plan, stream.signs.data(), buffers_.x, shape_.hidden, rows_of(parts), false);
  const Chunk& first = parts.front().chunk;
  if (stream.rotated && first.taps != nullptr)
    rotate_rows(compute, stream.residual_plan, stream.signs.data(), first.taps, shape_.hidden, first.visual * taps_,
                false);
  place(compute, model, parts);
}

void Decoder::place(const Compute& compute, const Model& model, DecoderParts parts) {
  const DecoderSpec& d = model.spec.decoder;
  for (size_t i = 0; i < std::size(ropes_); ++i) {
    RopeTable table = ropes_[i];
    if (table.half == 0) continue;
    const RopeSpec& rope = d.rope_of(static_cast<LayerRope>(i));
    for (const DecoderPart& part : parts) {
      const Chunk& chunk = part.chunk;
      const float* frequency = model.ropes[i].frequency.data();
      if (grows_at(rope, d.context, chunk.positions_end)) {
        grown_frequencies(rope, d.context, chunk.positions_end, frequency_grown_);
        frequency = frequency_grown_;
      }
      rope_fill(compute, table, chunk.positions, 3, chunk.count, frequency, model.ropes[i].axis_of.data());
      table.cosine += chunk.count * table.half;
      table.sine += chunk.count * table.half;
    }
  }
}

void Decoder::mix_by_attention(const Compute& compute, const DecoderSpec& d, const LayerWeights& layer, size_t index,
                               DecoderParts parts) {
  const size_t count = rows_of(parts);
  const LayerSpec spec = d.layer(static_cast<uint32_t>(index));
  const RopeTable& rope = ropes_[static_cast<size_t>(spec.rope)];
  const bool interleaved = d.rope_of(spec.rope).interleaved;
  const size_t stride = buffers_.qkv_stride;
  float* keys = buffers_.qkv + shape_.query_width;
  norm_heads(compute, layer.norms[Slot::query_norm].weight, d.norm_epsilon, buffers_.qkv, stride, count, d.heads,
             d.head_dim);
  norm_heads(compute, layer.norms[Slot::key_norm].weight, d.norm_epsilon, keys, stride, count, d.kv_heads, d.head_dim);
  rope_apply(compute, rope, buffers_.qkv, stride, count, d.heads, d.head_dim, interleaved);
  rope_apply(compute, rope, keys, stride, count, d.kv_heads, d.head_dim, interleaved);
  scale_queries(compute, d, parts, buffers_.qkv, stride, shape_.query_width);
  size_t first_row = 0;
  for (const DecoderPart& part : parts) {
    attend(compute, part, first_row, index, spec);
    if (part.cache)
      part.cache->append(compute, index, key_value_rows(part.chunk.count, first_row), part.chunk.appended());
    first_row += part.chunk.count;
  }
  if (layer.matrices[Slot::attention_gate].rows == 0) return;
  gate_rows(compute, buffers_.rows.values, shape_.query_width, keys + 2 * shape_.key_width, stride, count,
            shape_.query_width);
}

void Decoder::run_layer(const Compute& compute, const Model& model, const LayerWeights& layer, size_t index,
                        DecoderParts parts) {
  const DecoderSpec& d = model.spec.decoder;
  const size_t count = rows_of(parts), visual = parts.front().chunk.visual;
  if (!project_qkv(compute, shape_, layer, buffers_, count, visual)) return;
  switch (d.layer(static_cast<uint32_t>(index)).kind) {
    case LayerKind::attention: mix_by_attention(compute, d, layer, index, parts); break;
    case LayerKind::convolution: mix_by_convolution(compute, d, layer, index, buffers_, parts); break;
    case LayerKind::delta: mix_by_delta_rule(compute, d, layer, index, buffers_, parts); break;
  }
  if (!add_attention(compute, shape_, layer, buffers_, count, visual)) return;
  add_mlp(compute, shape_, layer, buffers_, count, visual);
  if (parts.front().chunk.taps != nullptr && index < taps_) add_taps(compute, index, parts.front().chunk);
}

void Decoder::add_taps(const Compute& compute, size_t layer, const Chunk& chunk) {
  for_rows(compute, chunk.visual, [&](size_t row) {
    add_rows(compute, buffers_.x + row * shape_.hidden, chunk.taps + (row * taps_ + layer) * shape_.hidden, 1,
             shape_.hidden);
  });
}

void Decoder::run(const Compute& compute, const Model& model, DecoderParts parts) {
  begin(compute, model, parts);
  const std::vector<LayerWeights>& layers = model.weights.decoder.layers;
  for (size_t i = 0; i < layers.size(); ++i) run_layer(compute, model, layers[i], i, parts);
  for (const DecoderPart& part : parts) {
    part.cache->advance(part.chunk.appended());
    part.states->advance();
  }
}

void Decoder::logits(const Compute& compute, const Model& model, const uint32_t* rows, size_t count, float* logits) {
  const DecoderWeights& w = model.weights.decoder;
  float* last = head_rows_;
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
  if (const float cap = model.spec.decoder.multipliers.logits_cap; cap != 0 && in.count != 0)
    for_rows(compute, count, [&](size_t row) {
      float* of_row = logits + row * w.lm_head.rows;
      for (size_t i = 0; i < w.lm_head.rows; ++i) of_row[i] = cap * std::tanh(of_row[i] / cap);
    });
}

}  // namespace mica
