// KvCache: what it holds, taken out and put back: whether rows fit, and where they lie. Not appending: kv_cache.cpp.
#include <algorithm>

#include "checked.hpp"
#include "kv_cache.hpp"

namespace mica {

namespace {

// A block of keys, [rows][kKeyBlock] of `bytes` each, without what lies beyond its first `used` tokens.
void clear_lanes(uint8_t* block, size_t rows, size_t used, size_t bytes = 1) {
  for (size_t row = 0; row < rows; ++row)
    std::fill(block + (row * kKeyBlock + used) * bytes, block + (row + 1) * kKeyBlock * bytes, uint8_t{0});
}

// A group of values likewise: whole bytes are one token's, bits those of the group.
void clear_group(uint8_t* group, const SpanLayout& layout, size_t used) {
  const size_t bytes = layout.planes * layout.head_dim;
  if (layout.has_bytes()) std::fill(group + used * layout.head_dim, group + bytes, uint8_t{0});
  else for (size_t i = 0; i < bytes; ++i) group[i] &= static_cast<uint8_t>((1u << used) - 1);
}

}  // namespace

size_t KvCache::spans_bytes(const Layer& layer, std::span<const uint32_t> tokens) const {
  size_t bytes = 0;
  for (uint32_t count : tokens) bytes += record_bytes(layer, count);
  return bytes;
}

bool KvCache::has_room(const Mark& from, const Appended& chunk) const {
  Mark to = from;
  to.text += chunk.count - chunk.visual;
  if (!packs_) to.visual += chunk.visual;
  for (size_t i = 0; packs_ && i < chunk.span_count; ++i) {
    const size_t tokens = chunk.spans[i];
    if (tokens > room_.tokens) return false;
    (is_short(tokens) ? to.text : to.visual) += tokens;
    if (is_short(tokens)) continue;
    if (++to.spans > spans_max_) return false;
  }
  if (to.text > room_.text || to.text + to.visual > room_.tokens) return false;
  return std::all_of(layers_.begin(), layers_.end(), [&](const Layer& layer) {
    if (!KvSettings::is_packed(layer.visual_bits)) return true;
    size_t used = starts(layer)[from.spans];
    for (size_t i = 0; packs_ && i < chunk.span_count; ++i)
      if (!is_short(chunk.spans[i])) used += record_bytes(layer, chunk.spans[i]);
    return used <= layer.spans_capacity;
  });
}

bool KvCache::can_hold(const Contents& contents) const {
  const Mark& mark = contents.mark;
  if (mark.text > room_.text || mark.visual > room_.tokens || mark.spans != contents.span_tokens.size()) return false;
  size_t in_spans = 0;
  for (uint32_t tokens : contents.span_tokens) {
    if (is_short(tokens)) return false;
    in_spans += tokens;
  }
  if (in_spans != (packs_ ? mark.visual : 0)) return false;
  return has_room({}, {.count = mark.text + mark.visual,
                       .visual = mark.visual,
                       .spans = contents.span_tokens.data(),
                       .span_count = contents.span_tokens.size()});
}

void KvCache::restore(const Contents& contents) {
  mark_ = {};
  for (uint32_t tokens : contents.span_tokens) add_span(tokens);
  mark_ = contents.mark;
}

void KvCache::append_text_regions(const Layer& layer, size_t rows, std::vector<Region>* out) const {
  const PackedSpan span = text_span(layer, rows);
  const SpanLayout& layout = span.layout;
  for (size_t head = 0; head < shape_of(layer).heads; ++head) {
    uint8_t* base = span.head(head);
    out->push_back({"text", base + layout.key_codes(), layout.key_code_bytes(rows)});
    out->push_back({"text", base + layout.value_codes(), layout.value_code_bytes(rows)});
    out->push_back({"text", base + layout.key_scales(), rows});
    out->push_back({"text", base + layout.value_scales(), rows});
  }
}

std::vector<KvCache::Region> KvCache::regions(size_t index, const Contents& contents) const {
  const Layer& layer = layers_[index];
  const Mark& mark = contents.mark;
  const HeadShape& shape = shape_of(layer);
  std::vector<Region> out;
  const size_t floats = float_rows(layer, mark);
  const size_t row_bytes = shape.head_dim * float_bytes(), head_bytes = layer.capacity * row_bytes;
  for (size_t head = 0; floats > 0 && head < shape.heads; ++head)
    out.push_back({"keys", layer.keys + head * head_bytes, round_up(floats, kKeyBlock) * row_bytes});
  for (size_t head = 0; floats > 0 && head < shape.heads; ++head)
    out.push_back({"values", layer.values + head * head_bytes, floats * row_bytes});
  if (layer.text && mark.text > 0) append_text_regions(layer, mark.text, &out);
  if (layer.spans && mark.spans > 0)
    out.push_back({"spans", layer.spans, spans_bytes(layer, contents.span_tokens)});
  return out;
}

void KvCache::clear_unused() const {
  for (const Layer& layer : layers_) {
    const size_t floats = float_rows(layer, mark_), used = floats % kKeyBlock;
    const size_t heads = shape_of(layer).heads, d = shape_of(layer).head_dim;
    for (size_t head = 0; used > 0 && head < heads; ++head)
      clear_lanes(layer.keys + (head * layer.capacity + floats - used) * d * float_bytes(), d, used, float_bytes());
    if (!layer.text) continue;
    const SpanLayout& layout = text_span(layer, mark_.text).layout;
    const size_t key_rows = layout.planes * (d / 8), group_bytes = layout.planes * d;
    for (size_t head = 0; head < heads; ++head) {
      uint8_t* base = layer.text + head * layout.head_bytes();
      if (mark_.text % kKeyBlock > 0)
        clear_lanes(base + layout.key_codes() + mark_.text / kKeyBlock * key_rows * kKeyBlock, key_rows,
                    mark_.text % kKeyBlock);
      if (mark_.text % kValueGroup > 0)
        clear_group(base + layout.value_codes() + mark_.text / kValueGroup * group_bytes, layout, mark_.text % kValueGroup);
    }
  }
}

}  // namespace mica
