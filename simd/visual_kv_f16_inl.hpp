// Scores and sums of float16 rows, on xsimd batches: one source for every vector level. Not attention over float rows,
// which is float_inl.hpp's. Everything here has internal linkage.
#pragma once

#include <cstring>

#include "float_batch_inl.hpp"
#include "visual_kv_lookup_inl.hpp"

namespace mica::simd {
namespace {

// A tile of heads by batches that fits the registers with a batch of rows and one broadcast besides.
constexpr size_t kTileHeads = kWidth == 16 ? 6 : 3;

template <size_t kHeads>
inline void score_block_f16(float* scores, size_t scores_stride, const uint16_t* block, const float* q, size_t tokens,
                            size_t head_dim) {
  constexpr size_t kBatches = kKeyBlock / kWidth;
  Batch sums[kHeads][kBatches];
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t v = 0; v < kBatches; ++v) sums[h][v] = Batch(0.0f);
  for (size_t c = 0; c < head_dim; ++c)
    for (size_t v = 0; v < kBatches; ++v) {
      const Batch keys = load_f16(block + c * kKeyBlock + v * kWidth);
      for (size_t h = 0; h < kHeads; ++h) sums[h][v] = fused_multiply_add(Batch(q[h * head_dim + c]), keys, sums[h][v]);
    }
  for (size_t h = 0; h < kHeads; ++h) {
    float whole[kKeyBlock];
    for (size_t v = 0; v < kBatches; ++v) store(whole + v * kWidth, sums[h][v]);
    std::memcpy(scores + h * scores_stride, whole, tokens * sizeof(float));
  }
}

void scores_f32_f16(float* scores, size_t scores_stride, const uint16_t* key_blocks, const float* q, size_t heads,
                    size_t tokens, size_t head_dim) {
  for (size_t t = 0; t < tokens; t += kKeyBlock)
    for_heads<kTileHeads>(0, heads, [&]<size_t kHeads>(size_t head) {
      score_block_f16<kHeads>(scores + head * scores_stride + t, scores_stride, key_blocks + t * head_dim,
                              q + head * head_dim, tokens - t < kKeyBlock ? tokens - t : kKeyBlock, head_dim);
    });
}

// sums[h][i] += ... of kBatches batches of channels. The first `skip` channels are left as they are: they belong to the
// batch before, which this one overlaps.
template <size_t kHeads, size_t kBatches>
inline void sum_channels_f16(float* sums, const uint16_t* values, const float* p, size_t p_stride, size_t tokens,
                             size_t head_dim, size_t skip) {
  Batch tile[kHeads][kBatches];
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t v = 0; v < kBatches; ++v) tile[h][v] = Batch(0.0f);
  for (size_t t = 0; t < tokens; ++t)
    for (size_t v = 0; v < kBatches; ++v) {
      const Batch row = load_f16(values + t * head_dim + v * kWidth);
      for (size_t h = 0; h < kHeads; ++h) tile[h][v] = fused_multiply_add(Batch(p[h * p_stride + t]), row, tile[h][v]);
    }
  for (size_t h = 0; h < kHeads; ++h) {
    float whole[kBatches * kWidth];
    for (size_t v = 0; v < kBatches; ++v) store(whole + v * kWidth, tile[h][v]);
    for (size_t i = skip; i < kBatches * kWidth; ++i) sums[h * head_dim + i] += whole[i];
  }
}

void weighted_sum_f32_f16(float* sums, const uint16_t* values, const float* p, size_t p_stride, size_t heads,
                          size_t tokens, size_t head_dim) {
  constexpr size_t kBatches = 32 / kWidth;
  for_heads<kTileHeads>(0, heads, [&]<size_t kHeads>(size_t head) {
    float* rows = sums + head * head_dim;
    const float* weights = p + head * p_stride;
    size_t c = 0;
    for (; c + kBatches * kWidth <= head_dim; c += kBatches * kWidth)
      sum_channels_f16<kHeads, kBatches>(rows + c, values + c, weights, p_stride, tokens, head_dim, 0);
    for (; c < head_dim; c += kWidth) {
      const size_t start = c + kWidth <= head_dim ? c : head_dim - kWidth;
      sum_channels_f16<kHeads, 1>(rows + start, values + start, weights, p_stride, tokens, head_dim, c - start);
    }
  });
}

void append_key_f16(uint16_t* block, size_t token_in_block, const float* row, size_t head_dim) {
  uint16_t halves[kKvHeadDimMax];
  narrow_f16(halves, row, head_dim);
  for (size_t c = 0; c < head_dim; ++c) block[c * kKeyBlock + token_in_block] = halves[c];
}

}  // namespace
}  // namespace mica::simd
