// PackedSpan: keys and values of a span of tokens in one layer at 1, 2, 4 or (text) 8 bits a channel, as one piece of
// memory, and how it is made. Not the cache (which spans there are), nor attention over it (cache_attention.hpp).
//
// Level rules, per KV head and channel over the tokens of a span (keys after RoPE):
// - token: mean m; x ~ m + s * level, with one scale s a token, after a rotation R of head_dim (a Hadamard matrix for
//   powers of two), which keeps q . k and is undone after the weighted sum of values. With one bit the level is the sign
//   of x - m, and s makes the product with x - m itself exact, as in RaBitQ (arXiv 2405.12497): the least-squares scale
//   would shrink scores and values by 2 / pi, and a softmax minds that more than noise. More bits: least squares.
// - centroid: m +- mean |x - m|, the centroids of a symmetric distribution; more bits: the uniform quantizer that suits
//   a normal distribution of that deviation best (Max 1960).
// - quantile: the quantiles alpha and 1 - alpha, and levels evenly between for more bits.
// - calibquant: minimum and maximum of the span, times .5 for keys and .3 for values at one bit, as the published code
//   of CalibQuant (arXiv 2502.14882); scores are then drawn together by up to tau = 3 (cache_attention.cpp).
// - text: no levels but a scale a token, rotated; rows are appended one by one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute.hpp"
#include "row_rotation.hpp"
#include "unseen_keys.hpp"

namespace mica {

// Widths of heads that can be packed are multiples of 8 in this range (simd/visual_kv_kernels.hpp).
inline constexpr size_t kPackedHeadDimMin = 64, kPackedHeadDimMax = 512;
// Values of tokens are coded in groups of so many.
inline constexpr size_t kValueGroup = 8;

enum class KvRule : uint8_t { token, centroid, quantile, calibquant, text };

struct KvLevelRule {
  KvRule rule = KvRule::token;
  float alpha = 0.2f;  // of `quantile`: 0 to below 0.5
};

// Where the parts of a head lie in a span's memory, which is `heads` times head_bytes(). Levels are float16 means (or
// middles) and, but for `token`, bytes that code the steps as token scales are coded.
struct SpanLayout {
  size_t head_dim = 0;
  size_t planes = 0;     // bits a channel: 1, 2, 4 or, of text, 8
  size_t room = 0;       // tokens
  KvRule rule = KvRule::token;

  bool has_scales() const { return rule == KvRule::token || rule == KvRule::text; }
  bool has_levels() const { return rule != KvRule::text; }
  bool has_steps() const { return rule != KvRule::token && rule != KvRule::text; }
  bool is_rotated() const { return has_scales(); }
  bool has_bytes() const { return planes == 8; }

  size_t key_codes() const { return 0; }
  // Bytes that the codes of the first `tokens` take.
  size_t key_code_bytes(size_t tokens) const;
  size_t value_code_bytes(size_t tokens) const;
  size_t value_codes() const;
  size_t key_scales() const;
  size_t value_scales() const;
  size_t mids() const;    // [2][head_dim] float16: of keys, then of values
  size_t steps() const;   // [2][head_dim] bytes
  size_t head_bytes() const;
};

struct PackedSpan {
  SpanLayout layout;
  uint8_t* memory = nullptr;  // [heads][head_bytes()], aligned to 64
  size_t tokens = 0;          // that are there
  bool values_rotated = false;
  UnseenKeys unseen = {};     // of its tokens, where it is read

  uint8_t* head(size_t index) const { return memory + index * layout.head_bytes(); }
  simd::PackedRows keys(size_t head_index, size_t first, size_t count) const;
  simd::PackedRows values(size_t head_index, size_t first, size_t count) const;
};

// Rows of all KV heads, `stride` floats apart, heads adjacent; scratch, since rotation is done in place.
struct KvRows {
  float* keys = nullptr;
  float* values = nullptr;
  size_t stride = 0;
  size_t count = 0;
};

// Codes a whole span (span.tokens rows). `rotation` is of head_dim. scratch: compute's, span_scratch_bytes a thread.
void pack_span(const Compute& compute, const PackedSpan& span, size_t heads, float alpha,
               const RowRotation& rotation, const KvRows& rows);
// Appends rows behind span.tokens, for rule `text`.
void append_rows(const Compute& compute, const PackedSpan& span, size_t heads, const RowRotation& rotation,
                 const KvRows& rows);
size_t span_scratch_bytes(size_t tokens, size_t head_dim);
// A token's row of one head into floats of 16 or 32 bits: column `place` of a block of keys, and a row of values.
void append_float_row(const Compute& compute, uint32_t bits, void* key_block, size_t place, const float* key,
                      void* value, const float* values, size_t head_dim);

// The levels of one head as floats: `keys` or values. step is filled with ones where the rule has none.
void read_levels(const simd::FloatKernels& kernels, const PackedSpan& span, size_t head, bool keys, float* mid,
                 float* step);

}  // namespace mica
