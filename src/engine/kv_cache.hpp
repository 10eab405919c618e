// KvCache: the keys and values of all tokens that were computed, layer by layer. Not attention: it hands out rows that
// ops/cache_attention.hpp reads. Rows of a kind lie in the order of the text, so that those before a window are the
// leading ones.
//
// Text rows are floats of 16 or 32 bits, or eight or four bits with a scale a token and head. Visual rows are packed by spans: what a
// chunk has of one picture, which is all of it unless it is larger than a batch (Session::chunk_length cuts chunks so).
// A span is packed in each layer as soon as the layer's attention is done with it, and never unpacked. Spans of fewer
// tokens than a block (kSpanTokensMin) are kept as text is: their levels alone would take more. A layer may keep visual
// rows as floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "arena.hpp"
#include "cache_attention.hpp"
#include "compute.hpp"
#include "kv_settings.hpp"
#include "model_spec.hpp"

namespace mica {

// Of the cached tokens, those before the windows of a chunk's rows, [rows] each: of all, of those that are kept as text
// is, and of the others. Null: every row sees all.
struct CachedUnseen {
  uint32_t* all = nullptr;
  uint32_t* text = nullptr;
  uint32_t* visual = nullptr;
};

class KvCache {
 public:
  static constexpr size_t kSpanTokensMin = kKeyBlock;
  // Smaller batches would cut a picture in pieces that are hardly worth packing.
  static constexpr size_t kBatchMin = 2 * kSpanTokensMin;
  // True when rows of such heads can be coded: head_dim a multiple of 8 from 64 to 512, with a rotation.
  static bool can_pack(size_t head_dim);

  struct Room {
    size_t tokens = 0;           // of both kinds
    size_t text = 0;             // of these
    size_t span_tokens_min = 0;  // no packed span is shorter
    size_t span_tokens_max = 0;
  };
  // Takes its memory from the arena.
  void plan(const DecoderSpec& decoder, const KvSettings& settings, const Room& room, Arena* arena);
  // The same for `rows` rows that all stay in 16 bits.
  void plan(const DecoderSpec& decoder, size_t rows, Arena* arena);
  static size_t scratch_bytes(const DecoderSpec& decoder, const Room& room);

  // The rows of a chunk: its visual rows come first and are those of `spans`, in order.
  struct Appended {
    size_t count = 0;
    size_t visual = 0;
    const uint32_t* spans = nullptr;  // tokens of each
    size_t span_count = 0;
    const uint32_t* in_order = nullptr;  // [count]: the rows in the order of the text; null: as they stand
  };
  // How much is cached; rewinding to an earlier state forgets what came after.
  struct Mark {
    size_t text = 0;    // rows, with those of short spans
    size_t visual = 0;  // rows in spans
    size_t spans = 0;
  };
  const Mark& mark() const { return mark_; }
  void rewind(const Mark& mark) { mark_ = mark; }
  size_t rows() const { return mark_.text + mark_.visual; }

  // Everything cached in a layer before the chunk at hand; valid until the next call.
  CachedRows cached(size_t layer, const CachedUnseen& unseen = {});
  // Appends a chunk to a layer; `rows` are scratch. Every layer of a chunk appends the same chunk; then advance().
  void append(const Compute& compute, size_t layer, const KvRows& rows, const Appended& chunk);
  void advance(const Appended& chunk);

  // Bytes in use.
  size_t text_bytes() const;
  size_t visual_bytes() const;
  // Bytes that a token takes in all layers: text, and visual in a span of `tokens`.
  size_t text_token_bytes() const;
  size_t span_bytes(size_t tokens) const;

  // True when a chunk fits behind what is cached.
  bool has_room(const Appended& chunk) const { return has_room(mark_, chunk); }

  // For saving and for growing: what is cached, in numbers.
  struct Contents {
    Mark mark;
    std::span<const uint32_t> span_tokens;  // [mark.spans]
  };
  Contents contents() const { return {mark_, {span_tokens_, mark_.spans}}; }
  // True when this cache can hold that, wherever the numbers come from.
  bool can_hold(const Contents& contents) const;
  // Puts the numbers in place, which can_hold; the rows are to be written where regions() says.
  void restore(const Contents& contents);
  // Where the rows of a layer lie, piece by piece, those of one name behind each other. Their sizes follow from the
  // contents and the settings, not from the room.
  struct Region {
    const char* name;
    uint8_t* memory;
    size_t bytes;
  };
  std::vector<Region> regions(size_t layer, const Contents& contents) const;
  // Zeros into what regions() covers beyond the last row: places of blocks that are not full hold what memory held.
  void clear_unused() const;

 private:
  // Heads of some layers, with what depends on their number and size.
  struct HeadShape {
    size_t heads = 0, head_dim = 0;
    RowRotation rotation;
    size_t* span_starts = nullptr;  // [3][spans_max_ + 1]: bytes before each span at 1, 2 and 4 bits
    size_t values() const { return heads * head_dim; }
  };
  struct Layer {
    size_t shape = 0;              // among shapes_
    bool keeps = false;            // keys and values of its own
    uint32_t visual_bits = 16;
    size_t capacity = 0;           // rows of floats
    uint8_t* keys = nullptr;       // [heads][capacity / 32][head_dim][32] floats of float_bytes()
    uint8_t* values = nullptr;     // [heads][capacity][head_dim]
    uint8_t* text = nullptr;       // packed text rows
    uint8_t* spans = nullptr;      // packed visual rows, span behind span
    size_t spans_capacity = 0;     // bytes
  };

  void plan_shapes(const DecoderSpec& decoder, Arena* arena);
  void plan_layer(size_t index, Arena* arena);
  const HeadShape& shape_of(const Layer& layer) const { return shapes_[layer.shape]; }
  SpanLayout span_layout(const Layer& layer, size_t tokens) const;
  size_t record_bytes(const HeadShape& shape, size_t bits, size_t tokens) const;
  size_t record_bytes(const Layer& layer, size_t tokens) const {
    return record_bytes(shape_of(layer), layer.visual_bits, tokens);
  }
  size_t float_rows(const Layer& layer, const Mark& mark) const;
  size_t float_bytes() const { return settings_.float_bits() / 8; }
  bool has_room(const Mark& mark, const Appended& chunk) const;
  size_t spans_bytes(const Layer& layer, std::span<const uint32_t> tokens) const;
  void append_text_regions(const Layer& layer, size_t rows, std::vector<Region>* out) const;
  PackedSpan text_span(const Layer& layer, size_t rows) const;
  void append_floats(const Compute& compute, const Layer& layer, size_t place, const KvRows& rows);
  void append_text(const Compute& compute, const Layer& layer, size_t place, const KvRows& rows);
  void append_span(const Compute& compute, const Layer& layer, size_t start, const KvRows& rows);
  void add_span(uint32_t tokens);
  bool is_short(size_t span_tokens) const { return span_tokens < kSpanTokensMin; }

  KvSettings settings_;
  std::vector<HeadShape> shapes_;  // one, or two where layers of full attention have heads of their own
  Room room_;
  bool packs_ = false;
  size_t text_capacity_ = 0;
  std::vector<Layer> layers_;
  Mark mark_;
  size_t spans_max_ = 0;
  uint32_t* span_tokens_ = nullptr;  // [spans_max_]
  PackedSpan* views_ = nullptr;      // [spans_max_ + 1]

  static constexpr size_t bits_index(size_t bits) { return bits / 2; }  // of 1, 2 and 4
  size_t* starts(const HeadShape& shape, size_t bits) const {
    return shape.span_starts + bits_index(bits) * (spans_max_ + 1);
  }
  // Bytes of a layer's packed spans before each of them.
  const size_t* starts(const Layer& layer) const { return starts(shape_of(layer), layer.visual_bits); }
};

}  // namespace mica
