// Keys, values and queries of integer attention to bytes, on the vectors of a level: one source for all. Not the
// definition (simd/scalar/attention.cpp) and not the products. Everything here has internal linkage.
#pragma once

#include <cmath>
#include <cstring>

#include <vector.hpp>

#include "attention_exponential.hpp"
#include "attention_kernels.hpp"

namespace mica::simd {
namespace {

constexpr size_t kPaddedDimsMax = kAttentionDimsMax + 16;

// Calls f(values, first channel) for every vector of a row; the last one, of fewer channels, from a copy padded with
// zeros.
template <class F>
inline void for_vectors(const float* row, size_t channels, const F& f) {
  size_t c = 0;
  for (; c + F32::kWidth <= channels; c += F32::kWidth) f(F32::load(row + c), c);
  if (c == channels) return;
  float rest[F32::kWidth] = {};
  for (size_t i = c; i < channels; ++i) rest[i - c] = row[i];
  f(F32::load(rest), c);
}

// words[c] = round(clamp(value, low, high)), ties to even; |low| and |high| are small.
inline void store_rounded(int32_t* words, F32 value, float low, float high) {
  const F32 clamped = min(max(value, F32::all(low)), F32::all(high));
  (S32::of_bits(clamped + F32::all(kRounder)) - S32::all(kRounderBits)).store(words);
}

// The lowest and highest value of each channel; arrays are padded to whole vectors.
void find_ranges(float* low, float* high, const float* x, size_t stride, size_t rows, size_t channels) {
  for_vectors(x, channels, [&](F32 value, size_t c) {
    value.store(low + c);
    value.store(high + c);
  });
  for (size_t row = 1; row < rows; ++row)
    for_vectors(x + row * stride, channels, [&](F32 value, size_t c) {
      min(F32::load(low + c), value).store(low + c);
      max(F32::load(high + c), value).store(high + c);
    });
}

void pack_keys_u7(uint8_t* panels, float* step, const float* keys, size_t stride, size_t count, size_t dims) {
  if (count == 0) return;
  float low[kPaddedDimsMax], high[kPaddedDimsMax], inverse[kPaddedDimsMax] = {};
  find_ranges(low, high, keys, stride, count, dims);
  float widest = 0;
  for (size_t c = 0; c < dims; ++c) {
    const float range = high[c] - low[c];
    widest = range > widest ? range : widest;
  }
  for (size_t c = 0; c < dims; ++c) {
    step[c] = std::sqrt((high[c] - low[c]) * widest) / kKeyTop;
    inverse[c] = inverse_of(step[c]);
  }
  const size_t padded = query_row_bytes(dims);
  alignas(64) int32_t words[kPaddedDimsMax] = {};
  alignas(64) uint8_t bytes[kPaddedDimsMax];
  for (size_t key = 0; key < round_up(count, kAttentionPanel); ++key) {
    if (key < count)
      for_vectors(keys + key * stride, dims, [&](F32 value, size_t c) {
        store_rounded(words + c, (value - F32::load(low + c)) * F32::load(inverse + c), 0, kKeyTop);
      });
    else
      std::memset(words, 0, sizeof(words));
    for (size_t c = 0; c < padded; ++c) bytes[c] = static_cast<uint8_t>(words[c]);
    uint8_t* to = panels + key / kAttentionPanel * kAttentionPanel * padded + key % kAttentionPanel * 4;
    for (size_t c = 0; c < padded; c += 4) std::memcpy(to + c * kAttentionPanel, bytes + c, 4);
  }
}

// The channels [first, first + 16) of four keys, the first of them in the lowest byte of each word.
inline void pack_four_values(int8_t* panel, const int32_t (*words)[kPaddedDimsMax], size_t first) {
  uint32_t packed[kAttentionPanel];
  for (size_t c = 0; c < kAttentionPanel; ++c)
    packed[c] = (static_cast<uint32_t>(words[0][first + c]) & 255) |
                (static_cast<uint32_t>(words[1][first + c]) & 255) << 8 |
                (static_cast<uint32_t>(words[2][first + c]) & 255) << 16 |
                static_cast<uint32_t>(words[3][first + c]) << 24;
  std::memcpy(panel, packed, sizeof(packed));
}

void pack_values_s6(int8_t* panels, float* step, float* middle, const float* values, size_t stride, size_t count,
                    size_t dims) {
  if (count == 0) return;
  float low[kPaddedDimsMax], high[kPaddedDimsMax], inverse[kPaddedDimsMax] = {};
  find_ranges(low, high, values, stride, count, dims);
  for (size_t c = 0; c < dims; ++c) {
    step[c] = (high[c] - low[c]) / (2 * kValueMost - 1);
    middle[c] = low[c] + kValueMost * step[c];  // so that the lowest is -kValueMost and the highest kValueMost - 1
    low[c] = middle[c];
    inverse[c] = inverse_of(step[c]);
  }
  const size_t keys = round_up(count, kAttentionPanel);
  alignas(64) int32_t words[4][kPaddedDimsMax] = {};
  for (size_t key = 0; key < keys; key += 4) {
    for (size_t i = 0; i < 4; ++i) {
      if (key + i < count)
        for_vectors(values + (key + i) * stride, dims, [&](F32 value, size_t c) {
          store_rounded(words[i] + c, (value - F32::load(low + c)) * F32::load(inverse + c), -kValueMost,
                        kValueMost - 1);
        });
      else
        std::memset(words[i], 0, sizeof(words[i]));
    }
    for (size_t c = 0; c < dims; c += kAttentionPanel)
      pack_four_values(panels + c * keys + key * kAttentionPanel, words, c);
  }
}

void quantize_queries(int8_t* dst, float* exponent, const float* queries, size_t stride, size_t rows, size_t dims,
                      const float* key_step) {
  const float scale = query_scale(dims);
  float steps[kPaddedDimsMax] = {};
  std::memcpy(steps, key_step, dims * sizeof(float));
  alignas(64) int32_t words[kPaddedDimsMax] = {};
  for (size_t row = 0; row < rows; ++row, dst += query_row_bytes(dims)) {
    F32 highest = F32::all(0.0f);
    for_vectors(queries + row * stride, dims, [&](F32 value, size_t c) {
      highest = max(highest, magnitude(value * F32::load(steps + c)));
    });
    alignas(64) float lanes[F32::kWidth];
    highest.store(lanes);
    float most = 0;
    for (float lane : lanes) most = lane > most ? lane : most;
    const F32 multiplier = F32::all(kQueryMost * inverse_of(most));
    for_vectors(queries + row * stride, dims, [&](F32 value, size_t c) {
      store_rounded(words + c, value * F32::load(steps + c) * multiplier, -kQueryMost, kQueryMost);
    });
    for (size_t c = 0; c < query_row_bytes(dims); ++c) dst[c] = static_cast<int8_t>(words[c]);
    exponent[row] = most * scale;
  }
}

}  // namespace
}  // namespace mica::simd
