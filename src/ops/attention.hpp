// Attention: softmax(q k^T / sqrt(d)) v over runs of keys, tile by tile with an online softmax. The mask is a range:
// row i may attend to the first allowed[i] keys of a run (AIFS: DESIGN 2) but for those that lie before its window. Not
// the KV cache itself: kv_cache.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute.hpp"
#include "unseen_keys.hpp"

namespace mica {

// Keys lie in blocks of this many tokens (simd/float_kernels.hpp).
inline constexpr size_t kKeyBlock = 32;

// Keys and values of consecutive places in the order of the text. Keys of one head: blocks [ceil(count / 32)][d][32]
// (kKeyBlock); values: rows `value_stride` elements apart, the d values of a head adjacent.
struct KeyValueRun {
  size_t count = 0;
  const float* keys_f32 = nullptr;        // one of the two key pointers is set, and the same of the values
  const uint16_t* keys_f16 = nullptr;
  size_t key_head_stride = 0;             // elements between the heads' key blocks
  const float* values_f32 = nullptr;
  const uint16_t* values_f16 = nullptr;
  size_t value_stride = 0;
  size_t value_head_stride = 0;
  const uint32_t* allowed = nullptr;      // [rows]: how many leading keys each row sees; null: all
  UnseenKeys unseen = {};                 // of these
};

struct AttentionShape {
  size_t heads = 0;
  size_t kv_heads = 0;  // divides heads; heads / kv_heads query heads share keys and values
  size_t head_dim = 0;
  float score_cap = 0;  // c: scores s become c tanh(s / c) before they are masked; 0: they stay
};

// out[row][head * d ...] for queries[row][head * d ...]; both strides in floats. Every row sees at least one key.
void attention(const Compute& compute, const AttentionShape& shape, const float* queries, size_t query_stride,
               size_t rows, const KeyValueRun* runs, size_t run_count, float* out, size_t out_stride);

size_t attention_scratch_bytes(const AttentionShape& shape);

// Puts `count` rows of one head's keys, `stride` floats apart, into blocks; what is left of the last is zeros.
void pack_keys(const Compute& compute, float* blocks, const float* keys, size_t stride, size_t count, size_t head_dim);

}  // namespace mica
