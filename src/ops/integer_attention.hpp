// Integer attention: softmax(q k^T / sqrt(d)) v of whole sequences without a mask (towers), keys and values packed on
// the fly: the tiling of simd/attention_kernels.hpp over heads and rows. Not float attention: attention.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "attention.hpp"
#include "compute.hpp"

namespace mica {

// Whether the kernels serve heads of this shape: one key head for each query head, of at most kAttentionDimsMax.
bool integer_attention_serves(const AttentionShape& shape);

// out[row][head * d ...] for queries, keys and values of as many rows, each [row][head * d ...] and all `stride` floats
// apart. `packed` is packed_heads_bytes of memory, 64-byte aligned; out is none of the inputs.
void integer_attention(const Compute& compute, const AttentionShape& shape, const float* queries, const float* keys,
                       const float* values, size_t stride, size_t rows, uint8_t* packed, float* out, size_t out_stride);

size_t packed_heads_bytes(const AttentionShape& shape, size_t rows);
size_t integer_attention_scratch_bytes(const AttentionShape& shape);

}  // namespace mica
