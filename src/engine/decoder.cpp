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

AttentionShape heads_of(const DecoderSpec& decoder, const LayerSpec& layer) {
  return {.heads = decoder.heads,
          .kv_heads = layer.kv_heads,
          .head_dim = layer.head_dim,
          .score_cap = decoder.multipliers.scores_cap};
}

// The most that a function of a layer's heads gives.
template <class Function>
size_t most_of(const DecoderSpec& decoder, Function function) {
  size_t most = 0;
  for (uint32_t i = 0; i < decoder.layers; ++i) most = std::max(most, function(heads_of(decoder, decoder.layer(i))));
  return most;
}

size_t rows_of(DecoderParts parts) {
  size_t rows = 0;
  for (const DecoderPart& part : parts) rows += part.chunk.count;
  return rows;
}

}  // namespace

void Decoder::plan(const Model& model, const Room& room, Arena* arena) {
  const DecoderSpec& d = model.spec.decoder;
  const size_t rows = room.rows;
  shape_ = {.hidden = d.hidden,
            .projected_width = projected_width(model.weights.decoder.layers),
            .mixed_width = mixed_width(model.weights.decoder.layers),
            .feed_forward = feed_forward_width(model.weights.decoder.layers),
            .factor_width = model.weights.decoder.factor_width,
            .norm = Norm::rms,
            .epsilon = d.norm_epsilon,
            .activation = d.activation,
            .post_norms = has_post_norms(model.weights.decoder.layers),
            .keeps_rows = keeps_rows(model.weights.decoder.layers),
            .stream = &model.weights.decoder.stream};
  shape_.layer_input = d.layer_input;
  layer_inputs_width_ = size_t{d.layers} * d.layer_input;
  layer_inputs_ = arena->take<float>(rows * layer_inputs_width_);
  table_row_ = arena->take<float>(layer_inputs_width_);
  taps_ = model.spec.vision.taps.count;
  plan_block(shape_, rows, rows, arena, &buffers_);
  for (size_t i = 0; i < std::size(ropes_); ++i) {
    RopeTable& table = ropes_[i];
    table.half = model.ropes[i].frequency.size();
    table.cosine = arena->take<float>(rows * table.half);
    table.sine = arena->take<float>(rows * table.half);
    table.scale = model.ropes[i].scale;
  }
  if (may_grow(d.rope) || may_grow(d.window_rope))
    frequency_grown_ = arena->take<float>(std::max(ropes_[0].half, ropes_[1].half));
  key_places_ = round_up(rows, kKeyBlock);
  const size_t key_floats = key_places_ * most_of(d, [](const AttentionShape& a) { return a.kv_heads * a.head_dim; });
  keys_visual_ = arena->take<float>(key_floats);
  keys_text_ = arena->take<float>(key_floats);
  partials_ = arena->take<float>(
      most_of(d, [&](const AttentionShape& heads) { return cache_partial_floats(heads, room.cached); }));
  plan_lent(d, rows, arena);
  head_rows_ = arena->take<float>(room.logit_rows * shape_.hidden);
}

void Decoder::plan_lent(const DecoderSpec& decoder, size_t rows, Arena* arena) {
  lent_.clear();
  for (uint32_t i = 0; i < decoder.layers; ++i) {
    const LayerSpec layer = decoder.layer(i);
    if (!layer.borrows_keys || lent_by(layer.keys_of) != nullptr) continue;
    const size_t width = size_t{layer.kv_heads} * layer.head_dim;
    lent_.push_back({layer.keys_of, width, arena->take<float>(rows * 2 * width)});
  }
}

const Decoder::Lent* Decoder::lent_by(uint32_t layer) const {
  const auto found = std::find_if(lent_.begin(), lent_.end(), [&](const Lent& each) { return each.layer == layer; });
  return found == lent_.end() ? nullptr : &*found;
}

size_t Decoder::scratch_bytes(const Model& model) {
  const DecoderSpec& d = model.spec.decoder;
  return std::max({most_of(d, cache_attention_scratch_bytes),
                   state_mixing_scratch_bytes(d), layers_scratch_bytes(model.weights.decoder.layers),
                   linear_scratch_bytes(model.weights.decoder.lm_head)});
}

// `own`: the part's keys and values.
void Decoder::attend(const Compute& compute, const AttentionShape& heads, const DecoderPart& part, size_t first_row,
                     const KvRows& own, const LayerSpec& spec) {
  const Chunk& chunk = part.chunk;
  const bool windowed = spec.window != 0;
  const RowCounts& allowed = spec.sees_blocks ? chunk.sight.allowed_in_blocks : chunk.sight.allowed;
  const size_t d = heads.head_dim, head_stride = key_places_ * d, width = heads.heads * d;
  const size_t stride = own.stride;
  const float *keys = own.keys, *values = own.values;
  const float* queries = buffers_.qkv + first_row * buffers_.qkv_stride;
  const size_t text = chunk.count - chunk.visual;
  parallel_for(compute, heads.kv_heads, [&](size_t head, int) {
    pack_keys(compute, keys_visual_ + head * head_stride, keys + head * d, stride, chunk.visual, d);
    pack_keys(compute, keys_text_ + head * head_stride, keys + chunk.visual * stride + head * d, stride, text, d);
  });
  KeyValueRun runs[2];
  size_t count = 0;
  KeyValueRun run;
  run.key_head_stride = head_stride;
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
  const CachedUnseen unseen = windowed ? chunk.sight.unseen_cached : CachedUnseen{};
  const CachedRows cached = part.cache ? part.cache->cached(spec.keys_of, unseen) : CachedRows{};
  cache_attention(compute, heads, queries, buffers_.qkv_stride, chunk.count, cached, runs, count, partials_,
                  buffers_.rows.values + first_row * width, width);
}

KvRows Decoder::key_value_room(const DecoderSpec& decoder, const LayerSpec& layer, size_t count) const {
  float* keys = buffers_.qkv + size_t{decoder.heads} * layer.head_dim;
  return {keys, keys + size_t{layer.kv_heads} * layer.head_dim, buffers_.qkv_stride, count};
}

// Those of tokens are multiplied already.
void Decoder::multiply_pictures(float multiplier, DecoderParts parts) {
  float* rows = buffers_.x;
  for (const DecoderPart& part : parts) {
    for (size_t i = 0; i < part.chunk.visual * shape_.hidden; ++i) rows[i] *= multiplier;
    rows += part.chunk.count * shape_.hidden;
  }
}

void Decoder::begin(const Compute& compute, const Model& model, DecoderParts parts) {
  const Multipliers& multipliers = model.spec.decoder.multipliers;
  if (multipliers.embedding_of_all && multipliers.embedding != 1) multiply_pictures(multipliers.embedding, parts);
  if (layer_inputs_width_ != 0) make_layer_inputs(compute, model, parts);
  const StreamTransform& stream = model.weights.decoder.stream;
  if (stream.rotated)
    rotate_rows(compute, stream.residual_plan, stream.signs.data(), buffers_.x, shape_.hidden, rows_of(parts), false);
  const Chunk& first = parts.front().chunk;
  if (stream.rotated && first.taps != nullptr)
    rotate_rows(compute, stream.residual_plan, stream.signs.data(), first.taps, shape_.hidden, first.visual * taps_,
                false);
  place(compute, model, parts);
}

// Half of it is said of the token, half of its embedding; both are normed so that their sum is as large as each.
void Decoder::make_layer_inputs(const Compute& compute, const Model& model, DecoderParts parts) {
  const DecoderWeights& w = model.weights.decoder;
  const size_t width = layer_inputs_width_, input = shape_.layer_input, layers = width / input, count = rows_of(parts);
  linear(compute, layer_inputs_, width, float_rows(buffers_.x, count, shape_.hidden), w.layer_input_projection);
  const float projected = 1.0f / std::sqrt(static_cast<float>(shape_.hidden));
  for_rows(compute, count, [&](size_t row) {
    for (size_t i = 0; i < width; ++i) layer_inputs_[row * width + i] *= projected;
  });
  norm_heads(compute, w.layer_inputs_norm.weight, shape_.epsilon, layer_inputs_, width, count, layers, input);
  const float stored = std::sqrt(static_cast<float>(input)), half = 1.0f / std::sqrt(2.0f);
  float* inputs = layer_inputs_;
  for (const DecoderPart& part : parts)
    for (size_t row = 0; row < part.chunk.count; ++row, inputs += width) {
      const auto token = static_cast<size_t>(part.chunk.tokens[row]);
      widen_table_row(*compute.kernels, w.layer_input_table, token, width, table_row_);
      for (size_t i = 0; i < width; ++i) inputs[i] = (inputs[i] + table_row_[i] * stored) * half;
    }
}

void Decoder::take_carried(size_t rows, std::vector<float>* out) const {
  out->assign(layer_inputs_, layer_inputs_ + rows * layer_inputs_width_);
  for (const Lent& lent : lent_) out->insert(out->end(), lent.rows, lent.rows + rows * 2 * lent.key_width);
}

void Decoder::put_carried(std::span<const float> carried) {
  size_t width = layer_inputs_width_;
  for (const Lent& lent : lent_) width += 2 * lent.key_width;
  const size_t rows = width != 0 ? carried.size() / width : 0;
  const auto put = [&](float* target, size_t count) {
    std::copy_n(carried.data(), count, target);
    carried = carried.subspan(count);
  };
  put(layer_inputs_, rows * layer_inputs_width_);
  for (const Lent& lent : lent_) put(lent.rows, rows * 2 * lent.key_width);
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

// Keys and values of a layer that has its own, behind its norms and RoPE; kept where later layers borrow them.
void Decoder::make_keys(const Compute& compute, const DecoderSpec& d, const LayerWeights& layer, const LayerSpec& spec,
                        size_t index, size_t count) {
  const KvRows rows = key_value_room(d, spec, count);
  norm_heads(compute, layer.norms[Slot::key_norm].weight, d.norm_epsilon, rows.keys, rows.stride, count, spec.kv_heads,
             spec.head_dim);
  norm_heads(compute, layer.norms[Slot::value_norm].weight, d.norm_epsilon, rows.values, rows.stride, count,
             spec.kv_heads, spec.head_dim);
  rope_apply(compute, ropes_[static_cast<size_t>(spec.rope)], rows.keys, rows.stride, count, spec.kv_heads,
             spec.head_dim, d.rope_of(spec.rope).interleaved);
  const Lent* lent = lent_by(static_cast<uint32_t>(index));
  if (lent == nullptr) return;
  for_rows(compute, count, [&](size_t row) {
    std::copy_n(rows.keys + row * rows.stride, 2 * lent->key_width, lent->rows + row * 2 * lent->key_width);
  });
}

void Decoder::mix_by_attention(const Compute& compute, const DecoderSpec& d, const LayerWeights& layer, size_t index,
                               DecoderParts parts) {
  const LayerSpec spec = d.layer(static_cast<uint32_t>(index));
  const AttentionShape heads = heads_of(d, spec);
  const size_t count = rows_of(parts), stride = buffers_.qkv_stride, width = heads.heads * heads.head_dim;
  norm_heads(compute, layer.norms[Slot::query_norm].weight, d.norm_epsilon, buffers_.qkv, stride, count, d.heads,
             heads.head_dim);
  rope_apply(compute, ropes_[static_cast<size_t>(spec.rope)], buffers_.qkv, stride, count, d.heads, heads.head_dim,
             d.rope_of(spec.rope).interleaved);
  scale_queries(compute, d, parts, buffers_.qkv, stride, heads.head_dim);
  if (!spec.borrows_keys) make_keys(compute, d, layer, spec, index, count);
  const Lent* lent = lent_by(spec.keys_of);
  KvRows rows = key_value_room(d, spec, count);
  if (spec.borrows_keys) rows = {lent->rows, lent->rows + lent->key_width, 2 * lent->key_width, count};
  size_t first_row = 0;
  for (const DecoderPart& part : parts) {
    const KvRows own{rows.keys + first_row * rows.stride, rows.values + first_row * rows.stride, rows.stride,
                     part.chunk.count};
    attend(compute, heads, part, first_row, own, spec);
    if (part.cache && !spec.borrows_keys) part.cache->append(compute, index, own, part.chunk.appended());
    first_row += part.chunk.count;
  }
  if (layer.matrices[Slot::attention_gate].rows == 0) return;
  const size_t projected = width + 2 * heads.kv_heads * heads.head_dim;
  gate_rows(compute, buffers_.rows.values, width, buffers_.qkv + projected, stride, count, width);
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
  if (shape_.layer_input != 0)
    add_layer_input(compute, shape_, layer, buffers_, layer_inputs_ + index * shape_.layer_input, layer_inputs_width_,
                    count);
  if (const float* scale = layer.vectors[Slot::layer_scale])
    for_rows(compute, count, [&](size_t row) {
      for (size_t i = 0; i < shape_.hidden; ++i) buffers_.x[row * shape_.hidden + i] *= *scale;
    });
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
