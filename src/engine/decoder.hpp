// Decoder: the one loop over decoder layers, for every family and mode. Not the session: it is given rows, their
// positions and what each may see, and leaves the last residual stream.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arena.hpp"
#include "block.hpp"
#include "kv_cache.hpp"
#include "model.hpp"
#include "rope.hpp"

namespace mica {

// A chunk of rows in the order of computation: visual rows first, then text (AIFS: DESIGN 2).
struct Chunk {
  size_t count = 0;
  size_t visual = 0;
  const uint32_t* positions = nullptr;       // [count][3]
  const uint32_t* allowed_visual = nullptr;  // [count]: how many of the chunk's visual rows each row sees
  const uint32_t* allowed_text = nullptr;    // [count]: likewise of its text rows
  const uint32_t* spans = nullptr;           // tokens of each span of the visual rows (kv_cache.hpp); null: not packed
  size_t span_count = 0;

  KvCache::Appended appended() const { return {count, visual, spans, span_count}; }
};

class Decoder {
 public:
  // Takes its buffers for chunks of up to `rows` rows, behind up to `cached` tokens, from the arena.
  void plan(const Model& model, size_t rows, Arena* arena, size_t cached = 0);
  // The rows of a chunk, to be filled with embeddings before run().
  float* x() const { return buffers_.x; }
  void run(const Compute& compute, const Model& model, const Chunk& chunk, KvCache* cache);
  // The same in steps, for calibration layer by layer: begin(), then layers in order, each advancing x(). place() is
  // begin() for rows that are in the residual stream already. Without a cache the chunk is all there is, and nothing is
  // kept.
  void begin(const Compute& compute, const Model& model, const Chunk& chunk);
  void place(const Compute& compute, const Model& model, const Chunk& chunk);
  void run_layer(const Compute& compute, const Model& model, const LayerWeights& layer, size_t index,
                 const Chunk& chunk, KvCache* cache);

  // logits[i] for the rows that `rows[i]` names, `count` of them, after run().
  void logits(const Compute& compute, const Model& model, const uint32_t* rows, size_t count, float* logits);

  // The newest layer's queries after RoPE, rows as far apart as those of key_value_rows.
  const float* queries() const { return buffers_.qkv; }
  // The newest layer's keys (after RoPE) and values, or room for `count` rows that were not computed.
  KvRows key_value_rows(size_t count) const;

  static size_t scratch_bytes(const Model& model);

 private:
  void attend(const Compute& compute, const Chunk& chunk, KvCache* cache, size_t layer);

  BlockShape shape_;
  AttentionShape attention_;
  BlockBuffers buffers_;
  RopeTable rope_;
  float* keys_visual_ = nullptr;  // [kv_heads][blocks][head_dim][32] of the chunk
  float* keys_text_ = nullptr;
  float* partials_ = nullptr;
  size_t key_head_stride_ = 0;
};

}  // namespace mica
