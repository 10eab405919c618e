// Kernels of the key and value cache: low-bit rows scored by table look-ups, and float16 rows. Not the cache: which
// rows are kept, at how many bits and with which levels, is src/ops' work.
//
// Coded rows. A row of head_dim channels is coded in `planes` bits a channel (1, 2, 4 or 8) as
//
//   x[c] ~ mid[c] + s * step[c] * (code[c] - top / 2),   top = 2^planes - 1,
//
// with mid and step for a channel of a span of tokens and one scale s for a token (1 where there are no token scales).
// Every level rule takes this form: min/max, quantiles and mean +- mean absolute deviation with s = 1, and the
// least-squares rule at one bit, x ~ m + s c sign(x - m), with mid = m, step = 2 c. So for a query q (scaled by
// 1/sqrt(d), and rotated as the keys were)
//
//   q . x[t] ~ q . mid + s[t] * sum_c w[c] (code[t][c] - top / 2),   w = q * step,
//
// and for attention weights p
//
//   sum_t p[t] x[t][c] ~ mid[c] * sum_t p[t] + step[c] * sum_t p[t] s[t] (code[t][c] - top / 2).
//
// With 8 bits the codes are bytes, which are widened to float; levels are near each other. With fewer both sums run
// over 16-entry tables: w (or p s) is rounded to integers, and the table of four channels (or tokens) holds the sums of
// their subsets (as T-MAC, arXiv 2407.00088, and FAISS's fast scan). The integers are scaled so that four never sum
// to more than 255: bytes are added before they are widened. Rounding is centred on top / 2, which keeps it from
// shifting a span's scores as a whole; what rounding takes from one attention weight is given to the token 16 further
// on, so that many small weights are not lost beside a large one. All of it has the same bits at every level: integers
// are exact, and the float operations around them are prescribed (the scalar twin's, without fused multiply-add).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "float_kernels.hpp"
#include "round_up.hpp"

namespace mica::simd {

// Tokens in a block of keys is kKeyBlock (float_kernels.hpp); in a group of values:
inline constexpr size_t kValueGroup = 8;
// Attention weights of this many tokens share one rounding: ranges of tokens that are summed apart, on several threads,
// start at multiples of it.
inline constexpr size_t kValueChunk = 256;
// head_dim is a multiple of 8 within these.
inline constexpr size_t kKvHeadDimMin = 64;
inline constexpr size_t kKvHeadDimMax = 512;

// Bytes of the codes of a span: whole blocks of keys, whole groups of values. Keys: block b, plane j, channels 8p to 8p
// + 7, token t of the block: the byte at ((b * planes + j) * head_dim / 8 + p) * 32 + t holds bit j of those channels'
// codes, channel 8p in its lowest bit. Eight planes are whole codes: the byte at (b * head_dim + c) * 32 + t.
constexpr size_t key_code_bytes(size_t tokens, size_t head_dim, size_t planes) {
  return round_up(tokens, kKeyBlock) * (head_dim / 8) * planes;
}
// Values: group g, plane j, channel c: the byte at (g * planes + j) * head_dim + c holds bit j of the codes of tokens
// 8g to 8g + 7, token 8g in its lowest bit. Eight planes are whole codes: the byte at t * head_dim + c.
constexpr size_t value_code_bytes(size_t tokens, size_t head_dim, size_t planes) {
  return (tokens + kValueGroup - 1) / kValueGroup * head_dim * planes;
}
// top / 2 of eight bits.
inline constexpr float kByteMiddle = 127.5f;
// Bytes of the tables of one query head: 16 for four channels.
constexpr size_t key_table_bytes(size_t head_dim) { return head_dim * 4; }

// Token scales are bytes: five bits of exponent, three of mantissa, value (1 + mantissa / 8) * 2^(exponent - 16), from
// 1.5e-5 to 61440. A step is 6 to 12 %, which one-bit codes do not notice; codes of more bits are chosen after the
// rounding of their scale.
static inline float token_scale_value(uint8_t code) {
  return std::bit_cast<float>((uint32_t{code} << 20) + (111u << 23));
}
// The nearest; out of range the smallest or the greatest. NaN gives the smallest.
static inline uint8_t token_scale_code(float scale) {
  constexpr uint32_t kSmallest = 111u << 23;
  if (!(scale > std::bit_cast<float>(kSmallest))) return 0;
  const uint32_t code = (std::bit_cast<uint32_t>(scale) - kSmallest + (1u << 19)) >> 20;
  return static_cast<uint8_t>(code < 255 ? code : 255);
}

// How rows are coded: mid and step of each channel. The codes of a channel whose step is 0 have no effect.
struct KvLevels {
  const float* mid;
  const float* step;
};

// Coded rows of one KV head, from the start of a block (keys) or of a group (values) on.
struct PackedRows {
  const uint8_t* codes;         // key_code_bytes or value_code_bytes; codes of tokens beyond `tokens` have no effect
  const uint8_t* token_scales;  // [tokens], or null: all 1
  size_t tokens;
  size_t head_dim;
  size_t planes;  // 1, 2, 4 or 8
};

// What turns a sum of table entries into a score: ((sum - centre) * scale) * s[t] + constant.
struct KeyTerms {
  float scale;     // filled by key_tables
  float centre;    // filled by key_tables
  float constant;  // q . mid; the caller's
};

// Strides are in elements. Rows need no alignment. Values are finite. Pointers do not alias.
struct VisualKvKernels {
  // token_scales[t], the scale of row t (rows of x are x_stride apart) for codes of `planes` bits: by least squares at
  // one bit, else the nearest local minimum of the squared error.
  void (*fit_token_scales)(uint8_t* token_scales, const float* x, size_t x_stride, size_t tokens, KvLevels levels,
                           size_t head_dim, size_t planes);

  // Codes of rows [first, first + tokens) of a span whose codes start at `codes`, from x, whose first row is row
  // `first`. At one bit the code is x > mid; else the nearest. token_scales[0] is the scale of row `first`; null: all
  // 1. pack_keys writes the bytes of these rows only. pack_values brings whole groups up to date: bits of tokens before
  // `first` stay, those beyond the last become 0. Rows are appended in order.
  void (*pack_keys)(uint8_t* codes, size_t first, const float* x, size_t x_stride, size_t tokens, KvLevels levels,
                    const uint8_t* token_scales, size_t head_dim, size_t planes);
  void (*pack_values)(uint8_t* codes, size_t first, const float* x, size_t x_stride, size_t tokens, KvLevels levels,
                      const uint8_t* token_scales, size_t head_dim, size_t planes);

  // The tables (key_table_bytes) of one query head for keys of `planes` bits, at most 4, from w = q * step: the table
  // of channels 4g to 4g + 3 at 16 g.
  void (*key_tables)(uint8_t* tables, KeyTerms* terms, const float* weights, size_t head_dim, size_t planes);

  // scores[h * scores_stride + t] for the tokens of `keys` and `heads` query heads that share them. tables: [heads]
  // [key_table_bytes]; terms: [heads].
  void (*key_scores)(float* scores, size_t scores_stride, const PackedRows& keys, const uint8_t* tables,
                     const KeyTerms* terms, size_t heads);

  // sums[h][c] += sum over t of p[h * p_stride + t] * s[t] * (code[t][c] - top / 2). p is not negative. sums: [heads]
  // [head_dim].
  void (*value_sums)(float* sums, const PackedRows& values, const float* p, size_t p_stride, size_t heads);

  // The same for rows of 8 bits (planes is 8), whose mid is 0 and whose steps are 1: scores[h * scores_stride + t] =
  // s[t] * sum_c q[h][c] * (code[t][c] - 127.5), and sums as value_sums. q: [heads][head_dim].
  void (*scores_f32_u8)(float* scores, size_t scores_stride, const PackedRows& keys, const float* q, size_t heads);
  void (*weighted_sum_f32_u8)(float* sums, const PackedRows& values, const float* p, size_t p_stride, size_t heads);

  // float16 rows. Keys lie in blocks [head_dim][kKeyBlock] (float_kernels.hpp), values row by row [token][head_dim].
  // scores[h * scores_stride + t] = q[h] . key[t]; q: [heads][head_dim].
  void (*scores_f32_f16)(float* scores, size_t scores_stride, const uint16_t* key_blocks, const float* q, size_t heads,
                         size_t tokens, size_t head_dim);
  // sums[h][c] += sum over t of p[h * p_stride + t] * values[t][c].
  void (*weighted_sum_f32_f16)(float* sums, const uint16_t* values, const float* p, size_t p_stride, size_t heads,
                               size_t tokens, size_t head_dim);
  // One row into column `token_in_block` of a block of keys. Rounds to nearest, ties to even.
  void (*append_key_f16)(uint16_t* block, size_t token_in_block, const float* row, size_t head_dim);
};

}  // namespace mica::simd
