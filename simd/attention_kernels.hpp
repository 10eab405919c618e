// Integer attention: a head's keys and values packed on the fly, int8 queries, softmax in float, int8 probabilities.
// For whole sequences without a mask (vision towers). Not float attention (float_kernels.hpp) and not the cache's
// codes.
//
// What is computed, for the queries q[row], keys k[t] and values v[t] of one head, c its channels:
//
//   keys      u[t][c] = clamp(round((k[t][c] - low[c]) / step[c]), 0, kKeyTop), low and step from the head's own range,
//             so that what is taken off a channel shifts all scores of a row alike, which softmax does not see;
//             step[c] = sqrt(range[c] * widest range) / kKeyTop, half of the way between a step a channel and one a head
//   queries   q'[c] = q[row][c] * step[c];  i[c] = round(q'[c] / max |q'| * kQueryMost);  unit(row) = max |q'| / kQueryMost
//   scores    s[t] = sum over c of i[c] * u[t][c]                             exact, int32
//   tiles     of kAttentionKeys keys, each with its greatest score m, and M the greatest so far:
//             p[t] = round(kProbabilityTop * 2^((s[t] - m) * exponent(row))),   exponent(row) = unit * log2(e) / sqrt(d)
//             out = out * 2^((M_old - M) * exponent) + 2^((m - M) * exponent) * sum over t of p[t] * w[t]
//             and the same with the sum of p[t] for the denominator, so that rounding p only shifts weight between keys
//   values    w[t][c] = clamp(round((v[t][c] - middle[c]) / step[c]), -kValueMost, kValueMost - 1), by channel
//
// Ranges are found from the keys and values at hand, not calibrated: it takes one pass over what is packed anyway, and
// a static range would clip what a picture has that calibration has not seen. Widths are bounded by AVX2, where pairs
// of products of vpmaddubsw are added in 16 bits: 2 steps of 2 * 64 * 127 for scores and 4 of 2 * 127 * 32 for values.
// Bits, floats included, are the same at every level (2^x: attention_exponential.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "round_up.hpp"

namespace mica::simd {

inline constexpr int kQueryMost = 64;        // |i|
inline constexpr int kKeyTop = 127;          // u is 0 to this
inline constexpr int kProbabilityTop = 127;  // p is 0 to this
inline constexpr int kValueMost = 32;        // w is -kValueMost to kValueMost - 1

inline constexpr size_t kAttentionPanel = 16;   // keys of a key panel, channels of a value panel
// Keys of a tile: its panels stay in a level 2 cache, its scores in level 1.
inline constexpr size_t kAttentionKeys = 256;
inline constexpr size_t kAttentionRowsMax = 48;  // rows of one call
inline constexpr size_t kAttentionDimsMax = 512;  // channels of a head

// Bytes of a row of queries: channels padded with zeros.
constexpr size_t query_row_bytes(size_t dims) { return round_up(dims, 8); }
constexpr size_t packed_keys_bytes(size_t keys, size_t dims) {
  return round_up(keys, kAttentionPanel) * query_row_bytes(dims);
}
constexpr size_t packed_values_bytes(size_t keys, size_t dims) {
  return round_up(keys, kAttentionPanel) * round_up(dims, kAttentionPanel);
}
// Floats that attend needs for its sums.
constexpr size_t attend_scratch_floats(size_t dims) {
  return kAttentionRowsMax * round_up(dims, kAttentionPanel);
}

// Keys and values of one head. Panels need no alignment.
struct PackedHead {
  const uint8_t* keys;        // packed_keys_bytes:   panels of 16 keys,     [dims / 4][16 keys][4 dims]
  const int8_t* values;       // packed_values_bytes: panels of 16 channels, [keys / 4][16 channels][4 keys]
  const float* value_step;    // [dims]
  const float* value_middle;  // [dims]
  size_t count;               // keys
  size_t dims;
};

// Rows are `stride` floats apart; nothing needs alignment. Input that is not finite gives output that is not specified,
// within the same bytes.
struct AttentionKernels {
  // Packs `count` keys of `dims` channels; padding is zero. step[dims] is written too.
  void (*pack_keys_u7)(uint8_t* panels, float* step, const float* keys, size_t stride, size_t count, size_t dims);
  // Packs `count` values; padding is zero. step[dims] and middle[dims] are written too.
  void (*pack_values_s6)(int8_t* panels, float* step, float* middle, const float* values, size_t stride, size_t count,
                         size_t dims);
  // Rows of queries, query_row_bytes apart, and exponent[row]. key_step[dims] is of the keys that they will meet.
  void (*quantize_queries)(int8_t* dst, float* exponent, const float* queries, size_t stride, size_t rows, size_t dims,
                           const float* key_step);
  // out[row][0, dims) for up to kAttentionRowsMax rows and all keys, at least one. Stack: 20 KB.
  void (*attend)(float* out, size_t out_stride, const int8_t* queries, const float* exponent, size_t rows,
                 const PackedHead& head, float* scratch);
};

}  // namespace mica::simd
