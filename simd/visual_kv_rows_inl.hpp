// Scores and sums of rows that are widened to float, float16 ones and bytes, on xsimd batches: one source for every
// vector level. Not look-ups (visual_kv_lookup_inl.hpp) nor attention over float rows (float_inl.hpp). Everything here
// has internal linkage.
#pragma once

#include <cstring>

#include "float_batch_inl.hpp"
#include "visual_kv_lookup_inl.hpp"

namespace mica::simd {
namespace {

// A tile of heads by batches that fits the registers with a batch of rows and one broadcast besides.
constexpr size_t kTileHeads = kWidth == 16 ? 6 : 3;

struct HalfRows {
  using Value = uint16_t;
  static Batch widen(const uint16_t* from) { return load_f16(from); }
};
struct ByteRows {
  using Value = uint8_t;
  static Batch widen(const uint8_t* from) { return load_u8(from) - Batch(kByteMiddle); }
};

// out[h][i] = sum over r of weights[h][r] * rows[r][i], for kHeads heads and kBatches batches of columns.
template <class Rows, size_t kHeads, size_t kBatches>
inline void multiply_tile(float (&out)[kHeads][kBatches * kWidth], const typename Rows::Value* rows, size_t row_stride,
                          const float* weights, size_t weights_stride, size_t count) {
  Batch sums[kHeads][kBatches];
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t v = 0; v < kBatches; ++v) sums[h][v] = Batch(0.0f);
  for (size_t r = 0; r < count; ++r)
    for (size_t v = 0; v < kBatches; ++v) {
      const Batch row = Rows::widen(rows + r * row_stride + v * kWidth);
      for (size_t h = 0; h < kHeads; ++h)
        sums[h][v] = fused_multiply_add(Batch(weights[h * weights_stride + r]), row, sums[h][v]);
    }
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t v = 0; v < kBatches; ++v) store(out[h] + v * kWidth, sums[h][v]);
}

// One block of keys; token_scales may be null.
template <class Rows, size_t kHeads>
inline void score_block(float* scores, size_t scores_stride, const typename Rows::Value* block,
                        const uint8_t* token_scales, const float* q, size_t tokens, size_t head_dim) {
  float whole[kHeads][kKeyBlock];
  multiply_tile<Rows, kHeads, kKeyBlock / kWidth>(whole, block, kKeyBlock, q, head_dim, head_dim);
  for (size_t h = 0; h < kHeads; ++h) {
    for (size_t t = 0; token_scales && t < tokens; ++t) whole[h][t] *= token_scale_value(token_scales[t]);
    std::memcpy(scores + h * scores_stride, whole[h], tokens * sizeof(float));
  }
}

template <class Rows>
inline void score_rows(float* scores, size_t scores_stride, const typename Rows::Value* blocks,
                       const uint8_t* token_scales, const float* q, size_t heads, size_t tokens, size_t head_dim) {
  for (size_t t = 0; t < tokens; t += kKeyBlock)
    for_heads<kTileHeads>(0, heads, [&]<size_t kHeads>(size_t head) {
      score_block<Rows, kHeads>(scores + head * scores_stride + t, scores_stride, blocks + t * head_dim,
                                token_scales ? token_scales + t : nullptr, q + head * head_dim,
                                tokens - t < kKeyBlock ? tokens - t : kKeyBlock, head_dim);
    });
}

void scores_f32_f16(float* scores, size_t scores_stride, const uint16_t* key_blocks, const float* q, size_t heads,
                    size_t tokens, size_t head_dim) {
  score_rows<HalfRows>(scores, scores_stride, key_blocks, nullptr, q, heads, tokens, head_dim);
}

void scores_f32_u8(float* scores, size_t scores_stride, const PackedRows& keys, const float* q, size_t heads) {
  score_rows<ByteRows>(scores, scores_stride, keys.codes, keys.token_scales, q, heads, keys.tokens, keys.head_dim);
}

// sums[h][i] += ... of kBatches batches of channels. The first `skip` channels are left as they are: they belong to the
// batch before, which this one overlaps.
template <class Rows, size_t kHeads, size_t kBatches>
inline void sum_channels_of(float* sums, const typename Rows::Value* values, const float* p, size_t p_stride,
                            size_t tokens, size_t head_dim, size_t skip) {
  float whole[kHeads][kBatches * kWidth];
  multiply_tile<Rows, kHeads, kBatches>(whole, values, head_dim, p, p_stride, tokens);
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t i = skip; i < kBatches * kWidth; ++i) sums[h * head_dim + i] += whole[h][i];
}

// All channels of kHeads heads.
template <class Rows, size_t kHeads>
inline void sum_rows(float* sums, const typename Rows::Value* values, const float* p, size_t p_stride, size_t tokens,
                     size_t head_dim) {
  constexpr size_t kBatches = 32 / kWidth;
  size_t c = 0;
  for (; c + kBatches * kWidth <= head_dim; c += kBatches * kWidth)
    sum_channels_of<Rows, kHeads, kBatches>(sums + c, values + c, p, p_stride, tokens, head_dim, 0);
  for (; c < head_dim; c += kWidth) {
    const size_t start = c + kWidth <= head_dim ? c : head_dim - kWidth;
    sum_channels_of<Rows, kHeads, 1>(sums + start, values + start, p, p_stride, tokens, head_dim, c - start);
  }
}

void weighted_sum_f32_f16(float* sums, const uint16_t* values, const float* p, size_t p_stride, size_t heads,
                          size_t tokens, size_t head_dim) {
  for_heads<kTileHeads>(0, heads, [&]<size_t kHeads>(size_t head) {
    sum_rows<HalfRows, kHeads>(sums + head * head_dim, values, p + head * p_stride, p_stride, tokens, head_dim);
  });
}

void weighted_sum_f32_u8(float* sums, const PackedRows& values, const float* p, size_t p_stride, size_t heads) {
  const size_t d = values.head_dim;
  for (size_t first = 0; first < values.tokens; first += kValueChunk) {
    const size_t tokens = values.tokens - first < kValueChunk ? values.tokens - first : kValueChunk;
    for_heads<kTileHeads>(0, heads, [&]<size_t kHeads>(size_t head) {
      float scaled[kHeads * kValueChunk];
      for (size_t t = 0; t < tokens; ++t) {
        const float scale = values.token_scales ? token_scale_value(values.token_scales[first + t]) : 1.0f;
        for (size_t h = 0; h < kHeads; ++h) scaled[h * kValueChunk + t] = p[(head + h) * p_stride + first + t] * scale;
      }
      sum_rows<ByteRows, kHeads>(sums + head * d, values.codes + first * d, scaled, kValueChunk, tokens, d);
    });
  }
}

void append_key_f16(uint16_t* block, size_t token_in_block, const float* row, size_t head_dim) {
  uint16_t halves[kKvHeadDimMax];
  narrow_f16(halves, row, head_dim);
  for (size_t c = 0; c < head_dim; ++c) block[c * kKeyBlock + token_in_block] = halves[c];
}

}  // namespace
}  // namespace mica::simd
