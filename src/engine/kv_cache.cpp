// KvCache: which rows go where. Not their coding: ops/packed_span.hpp; not saving: kv_cache_contents.cpp.
#include "kv_cache.hpp"

#include <algorithm>
#include <cstring>

#include "checked.hpp"

namespace mica {
namespace {

constexpr size_t kPackedBits[] = {1, 2, 4};

// Calls visit(first, count) for the rows of a chunk in the order of the text: of those that stand there as they stand
// in the chunk, all of a kind at once.
template <class Visit>
void for_stretches(const KvCache::Appended& chunk, const Visit& visit) {
  const auto row_at = [&](size_t i) { return chunk.in_order != nullptr ? size_t{chunk.in_order[i]} : i; };
  for (size_t i = 0; i < chunk.count;) {
    const size_t first = row_at(i), kind_end = first < chunk.visual ? chunk.visual : chunk.count;
    size_t count = 1;
    while (i + count < chunk.count && first + count < kind_end && row_at(i + count) == first + count) ++count;
    visit(first, count);
    i += count;
  }
}

}  // namespace

bool KvCache::can_pack(size_t head_dim) {
  RowRotation rotation;
  return head_dim % 8 == 0 && head_dim >= kPackedHeadDimMin && head_dim <= kPackedHeadDimMax &&
         rotation.make(head_dim);
}

SpanLayout KvCache::span_layout(const Layer& layer, size_t tokens) const {
  return {.head_dim = shape_of(layer).head_dim,
          .planes = layer.visual_bits,
          .room = tokens,
          .rule = settings_.levels.rule};
}

size_t KvCache::record_bytes(const HeadShape& shape, size_t bits, size_t tokens) const {
  const SpanLayout layout{.head_dim = shape.head_dim,
                          .planes = static_cast<uint32_t>(bits),
                          .room = tokens,
                          .rule = settings_.levels.rule};
  return round_up(shape.heads * layout.head_bytes(), Arena::kAlignment);
}

void KvCache::plan_shapes(const DecoderSpec& decoder, Arena* arena) {
  shapes_.clear();
  layers_.assign(decoder.layers, {});
  for (size_t i = 0; i < layers_.size(); ++i) {
    const LayerSpec spec = decoder.layer(static_cast<uint32_t>(i));
    layers_[i].keeps = spec.kind == LayerKind::attention && !spec.borrows_keys;
    while (layers_[i].shape < shapes_.size() && (shapes_[layers_[i].shape].heads != spec.kv_heads ||
                                                 shapes_[layers_[i].shape].head_dim != spec.head_dim))
      ++layers_[i].shape;
    if (layers_[i].shape == shapes_.size()) shapes_.push_back({spec.kv_heads, spec.head_dim, {}, nullptr});
  }
  for (HeadShape& shape : shapes_) {
    if (can_pack(shape.head_dim)) (void)shape.rotation.make(shape.head_dim);
    shape.span_starts = arena->take<size_t>(3 * (spans_max_ + 1));
    if (shape.span_starts)
      for (size_t bits : kPackedBits) starts(shape, bits)[0] = 0;
  }
}

void KvCache::plan_layer(size_t index, Arena* arena) {
  Layer& layer = layers_[index];
  if (!layer.keeps) return;
  const HeadShape& shape = shape_of(layer);
  layer.visual_bits = settings_.visual_bits[index];
  // Without packed rows both kinds lie together and share the room; else each has its own.
  if (!KvSettings::is_packed(layer.visual_bits)) layer.capacity = round_up(room_.tokens, kKeyBlock);
  else if (!settings_.packs_text()) layer.capacity = text_capacity_;
  layer.keys = arena->take<uint8_t>(shape.values() * layer.capacity * float_bytes());
  layer.values = arena->take<uint8_t>(shape.values() * layer.capacity * float_bytes());
  if (settings_.packs_text())
    layer.text = arena->take<uint8_t>(shape.heads * text_span(layer, 0).layout.head_bytes());
  if (!KvSettings::is_packed(layer.visual_bits)) return;
  // Whatever pictures fill the context, their spans fit: the dearest token is one in a span that has just begun a
  // block.
  for (size_t tokens = room_.span_tokens_min; tokens < room_.span_tokens_min + kKeyBlock; ++tokens)
    layer.spans_capacity =
        std::max(layer.spans_capacity, ceil_div(room_.tokens * record_bytes(layer, tokens), tokens));
  layer.spans_capacity = round_up(layer.spans_capacity, Arena::kAlignment);
  layer.spans = arena->take<uint8_t>(layer.spans_capacity);
}

void KvCache::plan(const DecoderSpec& decoder, const KvSettings& settings, const Room& room, Arena* arena) {
  settings_ = settings;
  text_capacity_ = round_up(room.text, kKeyBlock);
  room_ = room;
  packs_ = settings.packs_visual();
  spans_max_ = packs_ ? room.tokens / room.span_tokens_min : 0;
  span_tokens_ = arena->take<uint32_t>(spans_max_);
  views_ = arena->take<PackedSpan>(spans_max_ + 1);
  plan_shapes(decoder, arena);
  for (size_t i = 0; i < layers_.size(); ++i) plan_layer(i, arena);
}

void KvCache::plan(const DecoderSpec& decoder, size_t rows, Arena* arena) {
  KvSettings settings;
  settings.visual_bits.assign(decoder.layers, 16);
  plan(decoder, settings, {.tokens = rows, .text = rows, .span_tokens_min = kSpanTokensMin, .span_tokens_max = rows},
       arena);
}

size_t KvCache::scratch_bytes(const DecoderSpec& decoder, const Room& room) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < decoder.layers; ++i)
    bytes = std::max(bytes, span_scratch_bytes(room.span_tokens_max, decoder.layer(i).head_dim));
  return bytes;
}

PackedSpan KvCache::text_span(const Layer& layer, size_t rows) const {
  PackedSpan span;
  span.layout = {.head_dim = shape_of(layer).head_dim,
                 .planes = settings_.text_bits,
                 .room = text_capacity_,
                 .rule = KvRule::text};
  span.memory = layer.text;
  span.tokens = rows;
  span.values_rotated = !settings_.values_are_rotated;
  return span;
}

size_t KvCache::float_rows(const Layer& layer, const Mark& mark) const {
  if (layer.capacity == 0) return 0;
  return (!settings_.packs_text() ? mark.text : 0) + (!KvSettings::is_packed(layer.visual_bits) ? mark.visual : 0);
}

CachedRows KvCache::cached(size_t index, const CachedUnseen& unseen) {
  const Layer& layer = layers_[index];
  CachedRows out;
  const HeadShape& shape = shape_of(layer);
  out.rotation = &shape.rotation;
  out.rows.count = float_rows(layer, mark_);
  if (settings_.float_bits() == 32) {
    out.rows.keys_f32 = reinterpret_cast<const float*>(layer.keys);
    out.rows.values_f32 = reinterpret_cast<const float*>(layer.values);
  } else {
    out.rows.keys_f16 = reinterpret_cast<const uint16_t*>(layer.keys);
    out.rows.values_f16 = reinterpret_cast<const uint16_t*>(layer.values);
  }
  out.rows.key_head_stride = layer.capacity * shape.head_dim;
  out.rows.value_stride = shape.head_dim;
  out.rows.value_head_stride = layer.capacity * shape.head_dim;
  const bool keeps_text = !settings_.packs_text(), keeps_visual = !KvSettings::is_packed(layer.visual_bits);
  out.rows.unseen.counts = keeps_text ? keeps_visual ? unseen.all : unseen.text : unseen.visual;
  out.spans = views_;
  if (!keeps_text && mark_.text > 0) {
    views_[out.span_count] = text_span(layer, mark_.text);
    views_[out.span_count++].unseen.counts = unseen.text;
  }
  if (keeps_visual) return out;
  size_t before = 0;
  for (size_t i = 0; i < mark_.spans; before += span_tokens_[i++])
    views_[out.span_count++] = {span_layout(layer, span_tokens_[i]), layer.spans + starts(layer)[i],
                                span_tokens_[i], !settings_.values_are_rotated, {unseen.visual, before}};
  return out;
}

void KvCache::append_floats(const Compute& compute, const Layer& layer, size_t place, const KvRows& rows) {
  const size_t d = shape_of(layer).head_dim;
  parallel_for(compute, shape_of(layer).heads, [&](size_t head, int) {
    for (size_t row = 0; row < rows.count; ++row) {
      const size_t from = row * rows.stride + head * d;
      const size_t to = place + row;
      append_float_row(compute, settings_.float_bits(),
                       layer.keys + (head * layer.capacity + to / kKeyBlock * kKeyBlock) * d * float_bytes(),
                       to % kKeyBlock, rows.keys + from, layer.values + (head * layer.capacity + to) * d * float_bytes(),
                       rows.values + from, d);
    }
  });
}

void KvCache::append_text(const Compute& compute, const Layer& layer, size_t place, const KvRows& rows) {
  if (rows.count == 0) return;
  if (!settings_.packs_text()) append_floats(compute, layer, place, rows);
  else append_rows(compute, text_span(layer, place), shape_of(layer).heads, shape_of(layer).rotation, rows);
}

void KvCache::append_span(const Compute& compute, const Layer& layer, size_t start, const KvRows& rows) {
  const PackedSpan span{span_layout(layer, rows.count), layer.spans + start, rows.count, !settings_.values_are_rotated};
  // Blocks that are not full and what aligns the parts are not written below; saved files must not tell what was here.
  std::memset(span.memory, 0, record_bytes(layer, rows.count));
  pack_span(compute, span, shape_of(layer).heads, settings_.levels.alpha, shape_of(layer).rotation, rows);
}

void KvCache::append(const Compute& compute, size_t index, const KvRows& rows, const Appended& chunk) {
  const Layer& layer = layers_[index];
  const auto part = [&](size_t first, size_t count) {
    return KvRows{rows.keys + first * rows.stride, rows.values + first * rows.stride, rows.stride, count};
  };
  const bool together = !settings_.packs_text() && !KvSettings::is_packed(layer.visual_bits);
  size_t floats = float_rows(layer, mark_), text = mark_.text, span = 0;
  size_t start = !KvSettings::is_packed(layer.visual_bits) ? 0 : starts(layer)[mark_.spans];
  const auto add_floats = [&](size_t first, size_t count) {
    append_floats(compute, layer, floats, part(first, count));
    floats += count;
  };
  const auto add_text = [&](size_t first, size_t count) {
    append_text(compute, layer, text, part(first, count));
    text += count;
  };
  for_stretches(chunk, [&](size_t first, size_t count) {
    if (together || (!packs_ && first < chunk.visual)) return add_floats(first, count);
    if (first >= chunk.visual) return add_text(first, count);
    for (const size_t end = first + count; first < end; first += chunk.spans[span++]) {
      const size_t tokens = chunk.spans[span];
      if (is_short(tokens)) {
        add_text(first, tokens);
      } else if (!KvSettings::is_packed(layer.visual_bits)) {
        add_floats(first, tokens);
      } else {
        append_span(compute, layer, start, part(first, tokens));
        start += record_bytes(layer, tokens);
      }
    }
  });
}

void KvCache::advance(const Appended& chunk) {
  mark_.text += chunk.count - chunk.visual;
  if (!packs_) mark_.visual += chunk.visual;
  for (size_t i = 0; packs_ && i < chunk.span_count; ++i) {
    if (is_short(chunk.spans[i])) mark_.text += chunk.spans[i];
    else add_span(chunk.spans[i]);
  }
}

void KvCache::add_span(uint32_t tokens) {
  span_tokens_[mark_.spans] = tokens;
  for (const HeadShape& shape : shapes_)
    for (size_t bits : kPackedBits)
      starts(shape, bits)[mark_.spans + 1] = starts(shape, bits)[mark_.spans] + record_bytes(shape, bits, tokens);
  mark_.visual += tokens;
  ++mark_.spans;
}

size_t KvCache::text_token_bytes() const {
  size_t bytes = 0;
  for (const Layer& layer : layers_) {
    const HeadShape& shape = shape_of(layer);
    const size_t d = shape.head_dim;
    if (layer.keeps) bytes += shape.heads * (d * settings_.text_bits / 4 + (settings_.packs_text() ? 2 : 0));
  }
  return bytes;
}

size_t KvCache::span_bytes(size_t tokens) const {
  if (packs_ && is_short(tokens)) return tokens * text_token_bytes();
  size_t bytes = 0;
  for (const Layer& layer : layers_) {
    if (!layer.keeps) continue;
    if (!KvSettings::is_packed(layer.visual_bits)) bytes += tokens * shape_of(layer).values() * 2 * float_bytes();
    else bytes += record_bytes(layer, tokens);
  }
  return bytes;
}

size_t KvCache::text_bytes() const { return mark_.text * text_token_bytes(); }

size_t KvCache::visual_bytes() const {
  size_t bytes = 0;
  for (const Layer& layer : layers_) {
    if (!layer.keeps) continue;
    bytes += !KvSettings::is_packed(layer.visual_bits) ? mark_.visual * shape_of(layer).values() * 2 * float_bytes() : starts(layer)[mark_.spans];
  }
  return bytes;
}

}  // namespace mica
