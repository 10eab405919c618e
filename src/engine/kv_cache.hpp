// KvCache: the keys and values of all tokens that were computed, layer by layer. Not attention: it hands out runs that
// ops/attention.hpp reads. The order of rows is the order of computation (visual rows of a chunk first), which softmax
// does not see.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arena.hpp"
#include "attention.hpp"
#include "compute.hpp"
#include "model_spec.hpp"

namespace mica {

class KvCache {
 public:
  // Takes its memory from the arena; `rows` tokens fit.
  void plan(const DecoderSpec& decoder, size_t rows, Arena* arena);

  size_t rows() const { return rows_; }
  // Forgets what was appended after the first `rows`.
  void truncate(size_t rows) { rows_ = rows; }

  // Everything cached in a layer before the chunk at hand, visible to every row.
  KeyValueRun run(size_t layer) const;
  // Appends `count` rows of a layer behind rows(); keys after RoPE, heads adjacent. Every layer of a chunk appends the
  // same rows; then advance().
  void append(const Compute& compute, size_t layer, const float* keys, const float* values, size_t stride, size_t count);
  void advance(size_t count) { rows_ += count; }

  // Bytes that `rows` tokens take in all layers.
  size_t bytes_of(size_t rows) const;
  // The storage of one layer, for saving: keys, then values.
  struct Storage {
    uint16_t* keys;
    size_t key_count;
    uint16_t* values;
    size_t value_count;
  };
  Storage storage(size_t layer) const;

 private:
  size_t layers_ = 0, heads_ = 0, head_dim_ = 0;
  size_t capacity_ = 0;  // rows, whole key blocks
  size_t rows_ = 0;
  uint16_t* keys_ = nullptr;    // [layers][heads][capacity / 32][head_dim][32]
  uint16_t* values_ = nullptr;  // [layers][capacity][heads * head_dim]

  uint16_t* layer_keys(size_t layer) const { return keys_ + layer * capacity_ * heads_ * head_dim_; }
  uint16_t* layer_values(size_t layer) const { return values_ + layer * capacity_ * heads_ * head_dim_; }
};

}  // namespace mica
