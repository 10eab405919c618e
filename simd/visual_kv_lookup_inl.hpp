// Scores and sums of low-bit rows by table look-ups, on the vectors of a level and what makes its tables (KvTables): one
// source for all. Not the definition: simd/scalar/visual_kv.cpp. Everything here has internal linkage.
#pragma once

#include <cstring>

#include <vector.hpp>
#include <visual_kv_tables_inl.hpp>

#include "visual_kv_kernels.hpp"
#include "visual_kv_pack_inl.hpp"

namespace mica::simd {
namespace {

// What the definition in simd/scalar/visual_kv.cpp says about rounding.
inline unsigned top_of(size_t planes) { return (1u << planes) - 1; }

inline float table_limit(size_t rows, size_t planes) {
  const size_t limit = 65535 / ((rows + 1) / 2 * top_of(planes));
  return static_cast<float>(limit < 255 ? limit : 255);
}

struct Rounding {
  float inverse;  // integer = weight * inverse
  float scale;    // weight ~ integer * scale
};

inline Rounding rounding_of(float greatest, float most) {
  constexpr float kWeightTiny = 1e-30f;
  if (!(greatest > kWeightTiny)) return {0, 0};
  return {most / greatest, greatest / most};
}

// KvTables::signed_tables and Rounder make tables for so many weights at a time.
constexpr size_t kTableStep = 16;

void key_tables(uint8_t* tables, KeyTerms* terms, const float* weights, size_t head_dim, size_t planes) {
  float padded[kKvHeadDimMax];
  std::memcpy(padded, weights, head_dim * sizeof(float));
  const size_t padded_dim = round_up(head_dim, kGreatestStep);
  std::memset(padded + head_dim, 0, (padded_dim - head_dim) * sizeof(float));
  const Rounding rounding =
      rounding_of(KvTables::greatest_sixteen(padded, padded_dim), table_limit(head_dim / 8, planes) - 8);
  int magnitude = 0;
  size_t c = 0;
  for (; c + kTableStep <= head_dim; c += kTableStep)
    magnitude += KvTables::signed_tables(tables + c * 4, padded + c, rounding.inverse);
  if (c < head_dim) {
    uint8_t last[kTableStep * 4];
    magnitude += KvTables::signed_tables(last, padded + c, rounding.inverse);
    std::memcpy(tables + c * 4, last, (head_dim - c) * 4);
  }
  terms->scale = rounding.scale;
  terms->centre = 0.5f * static_cast<float>(top_of(planes) * static_cast<unsigned>(magnitude));
}

// Adds what the rows [first, first + kRows) of a plane look up, summed as bytes.
template <size_t kHeads, size_t kVectors, size_t kRows, class Load>
inline void look_up_rows(ByteSums (&sums)[kHeads][kVectors], const Load& load, size_t plane, size_t first,
                         const uint8_t* tables, size_t tables_stride) {
  U8 bytes[kHeads][kVectors];
  for (size_t row = 0; row < kRows; ++row) {
    U8 low[kVectors], high[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      const U8 codes = load(plane, first + row, v);
      low[v] = codes.low_nibbles();
      high[v] = codes.high_nibbles();
    }
    for (size_t h = 0; h < kHeads; ++h) {
      const auto low_table = Table16::load(tables + h * tables_stride + (first + row) * 32);
      const auto high_table = Table16::load(tables + h * tables_stride + (first + row) * 32 + 16);
      for (size_t v = 0; v < kVectors; ++v) {
        const U8 found = low_table.at(low[v]) + high_table.at(high[v]);
        bytes[h][v] = row == 0 ? found : bytes[h][v] + found;
      }
    }
  }
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t v = 0; v < kVectors; ++v) sums[h][v].add(bytes[h][v]);
}

// totals[h][v * kBytes + i] of kHeads sets of tables over kVectors vectors of codes; load(plane, row, vector) reads
// them.
template <size_t kHeads, size_t kVectors, class Load>
inline void look_up_tile(uint16_t* totals, const Load& load, size_t rows, size_t planes, const uint8_t* tables,
                         size_t tables_stride) {
  ByteSums sums[kHeads][kVectors];
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t v = 0; v < kVectors; ++v) sums[h][v].clear();
  for (size_t plane = planes - 1;; --plane) {
    size_t row = 0;
    for (; row + 2 <= rows; row += 2)
      look_up_rows<kHeads, kVectors, 2>(sums, load, plane, row, tables, tables_stride);
    if (row < rows) look_up_rows<kHeads, kVectors, 1>(sums, load, plane, row, tables, tables_stride);
    if (plane == 0) break;
    for (size_t h = 0; h < kHeads; ++h)
      for (size_t v = 0; v < kVectors; ++v) sums[h][v].twice();
  }
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t v = 0; v < kVectors; ++v) sums[h][v].store(totals + (h * kVectors + v) * U8::kWidth);
}

// Calls tile<n>(first head) for all heads, kHeads at a time and then the rest at once.
template <size_t kHeads, class Tile>
inline void for_heads(size_t first, size_t heads, const Tile& tile) {
  for (; first + kHeads <= heads; first += kHeads) tile.template operator()<kHeads>(first);
  if constexpr (kHeads > 1) {
    if (first < heads) for_heads<kHeads - 1>(first, heads, tile);
  }
}

// --- keys ------------------------------------------------------------------------------------------------------------

// Scores of `tokens` tokens, at most kVectors * kBytes, from the start of a block on.
template <size_t kVectors>
inline void score_tokens(float* scores, size_t scores_stride, const PackedRows& keys, size_t first, size_t tokens,
                         const uint8_t* tables, const KeyTerms* terms, size_t heads) {
  constexpr size_t kTokens = kVectors * U8::kWidth;
  const size_t rows = keys.head_dim / 8;
  const size_t block_bytes = keys.planes * rows * kKeyBlock;
  const uint8_t* codes = keys.codes + first / kKeyBlock * block_bytes + first % kKeyBlock;
  // A vector of two blocks reads the first one twice where there is no second.
  const size_t block_stride = tokens <= kKeyBlock ? 0 : block_bytes;
  const auto load = [=](size_t plane, size_t row, size_t v) {
    constexpr size_t kBytes = U8::kWidth;
    const size_t first_of_vector = v * kBytes / kKeyBlock * block_stride + v * kBytes % kKeyBlock;
    return U8::load_runs(codes + (plane * rows + row) * kKeyBlock + first_of_vector, block_stride);
  };
  float scales[kTokens];
  for (float& scale : scales) scale = 1.0f;
  if (keys.token_scales) {
    uint8_t scale_codes[kTokens] = {};
    std::memcpy(scale_codes, keys.token_scales + first, tokens);
    for (size_t t = 0; t < kTokens; ++t) scales[t] = token_scale_value(scale_codes[t]);
  }
  for_heads<U8::kTableHeads>(0, heads, [&]<size_t kHeads>(size_t head) {
    uint16_t totals[kHeads][kTokens];
    look_up_tile<kHeads, kVectors>(totals[0], load, rows, keys.planes,
                                          tables + head * key_table_bytes(keys.head_dim),
                                          key_table_bytes(keys.head_dim));
    for (size_t h = 0; h < kHeads; ++h) {
      const KeyTerms term = terms[head + h];
      float* to = scores + (head + h) * scores_stride + first;
      float part[kTokens];
      float* all = tokens == kTokens ? to : part;
      for (size_t t = 0; t < kTokens; ++t)
        all[t] = (static_cast<float>(totals[h][t]) - term.centre) * term.scale * scales[t] + term.constant;
      if (tokens < kTokens) std::memcpy(to, part, tokens * sizeof(float));
    }
  });
}

void key_scores(float* scores, size_t scores_stride, const PackedRows& keys, const uint8_t* tables,
                const KeyTerms* terms, size_t heads) {
  constexpr size_t kTokens = U8::kTableVectors * U8::kWidth;
  static_assert(kTokens % kKeyBlock == 0);
  size_t t = 0;
  for (; t + kTokens <= keys.tokens; t += kTokens)
    score_tokens<U8::kTableVectors>(scores, scores_stride, keys, t, kTokens, tables, terms, heads);
  for (; t < keys.tokens; t += U8::kWidth) {
    const size_t tokens = keys.tokens - t < U8::kWidth ? keys.tokens - t : U8::kWidth;
    score_tokens<1>(scores, scores_stride, keys, t, tokens, tables, terms, heads);
  }
}

// --- values ----------------------------------------------------------------------------------------------------------

// The attention weights of a chunk as tables, for one head.
struct ChunkTables {
  alignas(64) uint8_t tables[kValueChunk * 4];
  float scale;
  float centre;
};

// Of kHeads heads beside each other: what is carried makes a long chain of each.
template <size_t kHeads>
inline void value_tables(ChunkTables (&chunks)[kHeads], const float* p, size_t p_stride, const float* scales,
                         size_t tokens, size_t planes) {
  float weights[kHeads][kValueChunk];
  KvTables::Rounder rounders[kHeads];
  const size_t padded = round_up(tokens, kGreatestStep);
  for (size_t h = 0; h < kHeads; ++h) {
    for (size_t t = 0; t < tokens; ++t) weights[h][t] = p[h * p_stride + t] * scales[t];
    for (size_t t = tokens; t < padded; ++t) weights[h][t] = 0;
    const Rounding rounding = rounding_of(KvTables::greatest_sixteen(weights[h], padded),
                                          table_limit(kValueChunk / kValueGroup, planes) - 16);
    rounders[h].begin(rounding.inverse);
    chunks[h].scale = rounding.scale;
  }
  for (size_t t = 0; t < padded; t += kTableStep)
    for (size_t h = 0; h < kHeads; ++h) rounders[h].tables(chunks[h].tables + t * 4, weights[h] + t);
  for (size_t h = 0; h < kHeads; ++h)
    chunks[h].centre = 0.5f * static_cast<float>(top_of(planes) * static_cast<unsigned>(rounders[h].total()));
}

// sums[h][c] of `channels` channels from c on. The tile's vectors start at channel `start`, which is below c where the
// last vector overlaps the one before it.
template <size_t kHeads, size_t kVectors>
inline void sum_channels(float* sums, const PackedRows& values, const uint8_t* codes, size_t groups,
                         const ChunkTables* chunks, size_t start, size_t c) {
  constexpr size_t kChannels = kVectors * U8::kWidth;
  const size_t d = values.head_dim;
  const auto load = [codes = codes + start, d, planes = values.planes](size_t plane, size_t group, size_t v) {
    return U8::load(codes + (group * planes + plane) * d + v * U8::kWidth);
  };
  uint16_t totals[kHeads][kChannels];
  look_up_tile<kHeads, kVectors>(totals[0], load, groups, values.planes, chunks->tables, sizeof(ChunkTables));
  for (size_t h = 0; h < kHeads; ++h)
    for (size_t i = c - start; i < kChannels; ++i)
      sums[h * d + start + i] += (static_cast<float>(totals[h][i]) - chunks[h].centre) * chunks[h].scale;
}

template <size_t kHeads>
inline void sum_chunk(float* sums, const PackedRows& values, const uint8_t* codes, size_t groups,
                      const ChunkTables* chunks) {
  constexpr size_t kChannels = U8::kTableVectors * U8::kWidth;
  const size_t d = values.head_dim;
  size_t c = 0;
  for (; c + kChannels <= d; c += kChannels)
    sum_channels<kHeads, U8::kTableVectors>(sums, values, codes, groups, chunks, c, c);
  for (; c + U8::kWidth <= d; c += U8::kWidth)
    sum_channels<kHeads, 1>(sums, values, codes, groups, chunks, c, c);
  if (c < d) sum_channels<kHeads, 1>(sums, values, codes, groups, chunks, d - U8::kWidth, c);
}

void value_sums(float* sums, const PackedRows& values, const float* p, size_t p_stride, size_t heads) {
  static_assert(U8::kWidth <= kKvHeadDimMin);
  float scales[kValueChunk];
  for (float& scale : scales) scale = 1.0f;
  for (size_t first = 0; first < values.tokens; first += kValueChunk) {
    const size_t tokens = values.tokens - first < kValueChunk ? values.tokens - first : kValueChunk;
    const uint8_t* codes = values.codes + first / kValueGroup * values.planes * values.head_dim;
    if (values.token_scales)
      for (size_t t = 0; t < tokens; ++t) scales[t] = token_scale_value(values.token_scales[first + t]);
    for_heads<U8::kTableHeads>(0, heads, [&]<size_t kHeads>(size_t head) {
      ChunkTables chunks[kHeads];
      value_tables(chunks, p + head * p_stride + first, p_stride, scales, tokens, values.planes);
      sum_chunk<kHeads>(sums + head * values.head_dim, values, codes,
                               (tokens + kValueGroup - 1) / kValueGroup, chunks);
    });
  }
}

}  // namespace
}  // namespace mica::simd
