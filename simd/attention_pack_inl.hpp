// Keys, values and queries of integer attention to bytes, on xsimd batches: one source for every vector level. Not the
// definition (simd/scalar/attention.cpp) and not the products. Everything here has internal linkage.
#pragma once

#include <cmath>
#include <cstring>

#include "attention_exponential.hpp"
#include "attention_kernels.hpp"
#include "float_batch_inl.hpp"

namespace mica::simd {
namespace {

constexpr size_t kPaddedDimsMax = kAttentionDimsMax + 16;

// Calls f(values, first channel) for every batch of a row; the last one, of fewer channels, from a copy padded with
// zeros.
template <class F>
inline void for_batches(const float* row, size_t channels, const F& f) {
  size_t c = 0;
  for (; c + kWidth <= channels; c += kWidth) f(load(row + c), c);
  if (c == channels) return;
  float rest[kWidth] = {};
  for (size_t i = c; i < channels; ++i) rest[i - c] = row[i];
  f(load(rest), c);
}

// words[c] = round(clamp(value, low, high)), ties to even; |low| and |high| are small.
inline void store_rounded(int32_t* words, const Batch& value, float low, float high) {
  const Batch clamped = xsimd::min(xsimd::max(value, Batch(low)), Batch(high));
  const auto bits = xsimd::bitwise_cast<xsimd::batch<int32_t>>(clamped + Batch(kRounder));
  (bits - xsimd::batch<int32_t>(kRounderBits)).store_unaligned(words);
}

// The lowest and highest value of each channel; arrays are padded to whole batches.
void find_ranges(float* low, float* high, const float* x, size_t stride, size_t rows, size_t channels) {
  for_batches(x, channels, [&](const Batch& value, size_t c) {
    store(low + c, value);
    store(high + c, value);
  });
  for (size_t row = 1; row < rows; ++row)
    for_batches(x + row * stride, channels, [&](const Batch& value, size_t c) {
      store(low + c, xsimd::min(load(low + c), value));
      store(high + c, xsimd::max(load(high + c), value));
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
  for (size_t key = 0; key < attention_round_up(count, kAttentionPanel); ++key) {
    if (key < count)
      for_batches(keys + key * stride, dims, [&](const Batch& value, size_t c) {
        store_rounded(words + c, (value - load(low + c)) * load(inverse + c), 0, kKeyTop);
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
  const size_t keys = attention_round_up(count, kAttentionPanel);
  alignas(64) int32_t words[4][kPaddedDimsMax] = {};
  for (size_t key = 0; key < keys; key += 4) {
    for (size_t i = 0; i < 4; ++i) {
      if (key + i < count)
        for_batches(values + (key + i) * stride, dims, [&](const Batch& value, size_t c) {
          store_rounded(words[i] + c, (value - load(low + c)) * load(inverse + c), -kValueMost, kValueMost - 1);
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
    Batch highest(0.0f);
    for_batches(queries + row * stride, dims, [&](const Batch& value, size_t c) {
      highest = xsimd::max(highest, xsimd::abs(value * load(steps + c)));
    });
    alignas(64) float lanes[kWidth];
    highest.store_aligned(lanes);
    float most = 0;
    for (float lane : lanes) most = lane > most ? lane : most;
    const Batch multiplier(kQueryMost * inverse_of(most));
    for_batches(queries + row * stride, dims, [&](const Batch& value, size_t c) {
      store_rounded(words + c, value * load(steps + c) * multiplier, -kQueryMost, kQueryMost);
    });
    for (size_t c = 0; c < query_row_bytes(dims); ++c) dst[c] = static_cast<int8_t>(words[c]);
    exponent[row] = most * scale;
  }
}

}  // namespace
}  // namespace mica::simd
