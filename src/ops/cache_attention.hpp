// CacheAttention: attention of a chunk's rows to everything cached before it and to the chunk itself. Cached rows are
// floats of 16 or 32 bits or packed, and read as they lie; the chunk's own are floats. Not the cache: engine/kv_cache.hpp.
//
// Few rows (decode): a task is a KV head and a tile of the cached tokens, the query heads of a group share what is
// loaded, and the tiles' results are merged in a fixed order. Tiles follow from the number of tokens alone, so results
// have the same bits for any number of threads. Many rows (prefill): a task is a query head and a tile of rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "attention.hpp"
#include "compute.hpp"
#include "packed_span.hpp"

namespace mica {

// What a layer holds of the tokens before the chunk; every row of the chunk sees all of it but what is `unseen`.
struct CachedRows {
  KeyValueRun rows;  // those that are not packed; count 0: none
  const PackedSpan* spans = nullptr;
  size_t span_count = 0;
  const RowRotation* rotation = nullptr;  // of head_dim

  size_t tokens() const;
};

// out[row][head * d ...] for queries[row][head * d ...]; strides in floats. `chunk`: the chunk's own runs, of floats,
// with the keys that each row is allowed; every row sees at least one. partials: cache_partial_floats of as many cached
// tokens or more.
void cache_attention(const Compute& compute, const AttentionShape& shape, const float* queries, size_t query_stride,
                     size_t rows, const CachedRows& cached, const KeyValueRun* chunk, size_t chunk_runs,
                     float* partials, float* out, size_t out_stride);

size_t cache_attention_scratch_bytes(const AttentionShape& shape);
size_t cache_partial_floats(const AttentionShape& shape, size_t tokens);

}  // namespace mica
