// Scores and sums of rows that are widened to float, float16 ones and bytes, on the vectors of a level: one source
// for all. Not look-ups (visual_kv_lookup_inl.hpp) nor attention over float rows (vector/float.cpp). Everything here
// has internal linkage.
#pragma once

#include <cstring>

#include <vector.hpp>

#include "narrow_f16_inl.hpp"
#include "visual_kv_lookup_inl.hpp"

namespace mica::simd {
namespace {

// A tile of heads by vectors that fits the registers with a vector of rows and one broadcast besides.
constexpr size_t kTileHeads = F32::kWidth == 16 ? 6 : 3;

struct HalfRows {
  using Value = uint16_t;
  static F32 widen(const uint16_t* from) { return F32::load_f16(from); }
};
struct ByteRows {
  using Value = uint8_t;
  static F32 widen(const uint8_t* from) { return F32::load_u8(from) - F32::all(kByteMiddle); }
};

// out[h][i] = sum over r of weights[h][r] * rows[r][i], for kHeads heads and kVectors vectors of columns.
template <class Rows, size_t kHeads, size_t kVectors>
inline void multiply_tile(float (&out)[kHeads][kVectors * F32::kWidth], const typename Rows::Value* rows,
                          size_t row_stride, const float* weights, size_t weights_stride, size_t count) {
  F32 sums[kHeads][kVectors];
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t v = 0; v < kVectors; ++v) sums[h][v] = F32::all(0.0f);
  for (size_t r = 0; r < count; ++r)
    for (size_t v = 0; v < kVectors; ++v) {
      const F32 row = Rows::widen(rows + r * row_stride + v * F32::kWidth);
      for (size_t h = 0; h < kHeads; ++h)
        sums[h][v] = multiply_add(F32::all(weights[h * weights_stride + r]), row, sums[h][v]);
    }
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t v = 0; v < kVectors; ++v) sums[h][v].store(out[h] + v * F32::kWidth);
}

// One block of keys; token_scales may be null.
template <class Rows, size_t kHeads>
inline void score_block(float* scores, size_t scores_stride, const typename Rows::Value* block,
                        const uint8_t* token_scales, const float* q, size_t tokens, size_t head_dim) {
  float whole[kHeads][kKeyBlock];
  multiply_tile<Rows, kHeads, kKeyBlock / F32::kWidth>(whole, block, kKeyBlock, q, head_dim, head_dim);
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

// sums[h][i] += ... of kVectors vectors of channels. The first `skip` channels are left as they are: they belong to the
// vector before, which this one overlaps.
template <class Rows, size_t kHeads, size_t kVectors>
inline void sum_channels_of(float* sums, const typename Rows::Value* values, const float* p, size_t p_stride,
                            size_t tokens, size_t head_dim, size_t skip) {
  float whole[kHeads][kVectors * F32::kWidth];
  multiply_tile<Rows, kHeads, kVectors>(whole, values, head_dim, p, p_stride, tokens);
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t i = skip; i < kVectors * F32::kWidth; ++i) sums[h * head_dim + i] += whole[h][i];
}

// Heads that are narrower than a vector, which would reach beyond the rows: from a copy of each.
template <class Rows, size_t kHeads>
inline void sum_narrow_rows(float* sums, const typename Rows::Value* values, const float* p, size_t p_stride,
                            size_t tokens, size_t head_dim) {
  for (size_t t = 0; t < tokens; ++t) {
    typename Rows::Value copy[F32::kWidth] = {};
    std::memcpy(copy, values + t * head_dim, head_dim * sizeof *copy);
    float row[F32::kWidth];
    Rows::widen(copy).store(row);
    for (size_t h = 0; h < kHeads; ++h)
      for (size_t i = 0; i < head_dim; ++i) sums[h * head_dim + i] += p[h * p_stride + t] * row[i];
  }
}

// All channels of kHeads heads.
template <class Rows, size_t kHeads>
inline void sum_rows(float* sums, const typename Rows::Value* values, const float* p, size_t p_stride, size_t tokens,
                     size_t head_dim) {
  constexpr size_t kVectors = 32 / F32::kWidth;
  if (head_dim < F32::kWidth) return sum_narrow_rows<Rows, kHeads>(sums, values, p, p_stride, tokens, head_dim);
  size_t c = 0;
  for (; c + kVectors * F32::kWidth <= head_dim; c += kVectors * F32::kWidth)
    sum_channels_of<Rows, kHeads, kVectors>(sums + c, values + c, p, p_stride, tokens, head_dim, 0);
  for (; c < head_dim; c += F32::kWidth) {
    const size_t start = c + F32::kWidth <= head_dim ? c : head_dim - F32::kWidth;
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
