// Decoder: the one loop over decoder layers, for every family and mode. Not the session: it is given rows, their
// positions and what each may see, and leaves the last residual stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "arena.hpp"
#include "block.hpp"
#include "kv_cache.hpp"
#include "layer_states.hpp"
#include "model.hpp"
#include "rope.hpp"

namespace mica {

// Of each row of a chunk, a number of leading rows of each kind.
struct RowCounts {
  uint32_t* visual = nullptr;
  uint32_t* text = nullptr;
};

// What the rows of a chunk see, [rows] each.
struct RowSight {
  RowCounts allowed;            // rows of the chunk
  RowCounts allowed_in_blocks;  // the same in layers that see blocks (LayerSpec)
  RowCounts unseen;             // of these, those before the window, in layers that have one
  CachedUnseen unseen_cached;   // likewise of the tokens before the chunk
};

// A chunk of rows in the order of computation: visual rows first, then text (AIFS: DESIGN 2).
struct Chunk {
  size_t count = 0;
  size_t visual = 0;
  const uint32_t* positions = nullptr;       // [count][3]
  uint32_t positions_end = 0;                // behind the last of all that is added, or of the prompt
  const uint32_t* in_order = nullptr;        // [count]: its rows in the order of the text; null: as they stand
  const uint32_t* spans = nullptr;           // tokens of each span of the visual rows (kv_cache.hpp); null: not packed
  size_t span_count = 0;
  RowSight sight;
  float* taps = nullptr;  // [visual][taps][hidden]: added to visual rows, of each tap behind a layer; null: none

  KvCache::Appended appended() const { return {count, visual, spans, span_count, in_order}; }
};

// What one sequence has in the rows that pass through the decoder together: a chunk, which stands behind those of the
// parts before it, and what it appends to. Parts behind each other have text rows only, so that the visual rows of all
// come first.
struct DecoderPart {
  Chunk chunk;
  // Null: the chunk is all there is, and nothing is kept.
  KvCache* cache = nullptr;
  LayerStates* states = nullptr;
};
using DecoderParts = std::span<const DecoderPart>;

class Decoder {
 public:
  // What it will be asked for at most.
  struct Room {
    size_t rows = 0;        // of a chunk
    size_t cached = 0;      // tokens before it
    size_t logit_rows = 0;  // of a chunk, whose logits are wanted
  };
  // Takes its buffers from the arena.
  void plan(const Model& model, const Room& room, Arena* arena);
  // The rows of a chunk, to be filled with embeddings before run().
  float* x() const { return buffers_.x; }
  // Every row gives the bits that it gives when its part is computed alone, if Compute::rows_apart says so.
  void run(const Compute& compute, const Model& model, DecoderParts parts);
  // The same in steps, for calibration layer by layer: begin(), then layers in order, each advancing x(). place() is
  // begin() for rows that are in the residual stream already.
  void begin(const Compute& compute, const Model& model, DecoderParts parts);
  void place(const Compute& compute, const Model& model, DecoderParts parts);
  void run_layer(const Compute& compute, const Model& model, const LayerWeights& layer, size_t index,
                 DecoderParts parts);

  // logits[i] for the rows that `rows[i]` names, `count` of them (at most logit_rows), after run().
  void logits(const Compute& compute, const Model& model, const uint32_t* rows, size_t count, float* logits);

  // The newest layer's queries after RoPE, rows as far apart as those of key_value_rows.
  const float* queries() const { return buffers_.qkv; }
  // The newest layer's keys (after RoPE) and values, or room for `count` rows that were not computed.
  KvRows key_value_rows(size_t count, size_t first_row = 0) const;

  static size_t scratch_bytes(const Model& model);

 private:
  void add_taps(const Compute& compute, size_t layer, const Chunk& chunk);
  void mix_by_attention(const Compute& compute, const DecoderSpec& decoder, const LayerWeights& layer, size_t index,
                        DecoderParts parts);
  void attend(const Compute& compute, const DecoderPart& part, size_t first_row, size_t layer, const LayerSpec& spec);

  BlockShape shape_;
  size_t taps_ = 0;  // of the tower
  AttentionShape attention_;
  BlockBuffers buffers_;
  RopeTable ropes_[static_cast<size_t>(LayerRope::count)];
  float* frequency_grown_ = nullptr;  // [head_dim / 2], where a RoPE's scaling is dynamic
  float* keys_visual_ = nullptr;  // [kv_heads][blocks][head_dim][32] of the chunk
  float* keys_text_ = nullptr;
  float* partials_ = nullptr;
  size_t key_head_stride_ = 0;
  float* head_rows_ = nullptr;  // [logit_rows][hidden], that enter the head
};

}  // namespace mica
