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
  const int32_t* tokens = nullptr;           // [count]; those of pictures are padding
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

  // What layers read beside x() that begin() or earlier layers have made of the newest `rows` rows: to be taken before
  // other rows come, and put back before the next layer.
  void take_carried(size_t rows, std::vector<float>* out) const;
  void put_carried(std::span<const float> carried);

  // logits[i] for the rows that `rows[i]` names, `count` of them (at most logit_rows), after run().
  void logits(const Compute& compute, const Model& model, const uint32_t* rows, size_t count, float* logits);

  // The newest layer's queries after RoPE, rows as far apart as those of key_value_room.
  const float* queries() const { return buffers_.qkv; }
  // The newest layer's keys (after RoPE) and values, or room for `count` rows of a layer that were not computed.
  KvRows key_value_room(const DecoderSpec& decoder, const LayerSpec& layer, size_t count) const;

  static size_t scratch_bytes(const Model& model);

 private:
  void multiply_pictures(float multiplier, DecoderParts parts);
  void add_taps(const Compute& compute, size_t layer, const Chunk& chunk);
  void mix_by_attention(const Compute& compute, const DecoderSpec& decoder, const LayerWeights& layer, size_t index,
                        DecoderParts parts);
  // Rows of the layers whose keys and values later ones borrow, as their own attention has seen them.
  struct Lent {
    uint32_t layer;
    size_t key_width;
    float* rows;  // [rows][2 * key_width]
  };
  const Lent* lent_by(uint32_t layer) const;
  void plan_lent(const DecoderSpec& decoder, size_t rows, Arena* arena);
  void make_keys(const Compute& compute, const DecoderSpec& decoder, const LayerWeights& layer, const LayerSpec& spec,
                 size_t index, size_t count);
  void make_layer_inputs(const Compute& compute, const Model& model, DecoderParts parts);
  void attend(const Compute& compute, const AttentionShape& heads, const DecoderPart& part, size_t first_row,
              const KvRows& own, const LayerSpec& spec);

  BlockShape shape_;
  size_t taps_ = 0;  // of the tower
  BlockBuffers buffers_;
  std::vector<Lent> lent_;
  size_t layer_inputs_width_ = 0;  // of all layers
  float* layer_inputs_ = nullptr;  // [rows][layers][layer_input]
  float* table_row_ = nullptr;     // [layers][layer_input]
  RopeTable ropes_[static_cast<size_t>(LayerRope::count)];
  float* frequency_grown_ = nullptr;  // [head_dim / 2], where a RoPE's scaling is dynamic
  float* keys_visual_ = nullptr;  // [kv_heads][blocks][head_dim][32] of the chunk, in the layer at hand
  float* keys_text_ = nullptr;
  float* partials_ = nullptr;
  size_t key_places_ = 0;       // of the blocks of a head
  float* head_rows_ = nullptr;  // [logit_rows][hidden], that enter the head
};

}  // namespace mica
