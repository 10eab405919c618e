// Products of one row of activations with blocks as they lie. Activations are rounded to 16 bits, with a scale for each
// group of 32, so that codes meet them in integers; the sums become floats with the scales of blocks. Not the layouts:
// stored/.
#pragma once

#include <cmath>

#include <vector.hpp>

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

// A row of activations as integers: x[i] is words[i] * scales[i / 32], within half of a scale. In `scratch` of
// gemv_scratch_bytes.
struct WordRow {
  int16_t* words;
  float* scales;
  float* sums;  // of each 16 of x, not rounded

  WordRow(const float* x, size_t depth, void* scratch)
      : words(static_cast<int16_t*>(scratch)),
        scales(reinterpret_cast<float*>(words + depth)),
        sums(scales + depth / kWordGroup) {
    for (size_t group = 0; group < depth / kWordGroup; ++group) round_group(x + group * kWordGroup, group);
  }

 private:
  void round_group(const float* x, size_t group) {
    constexpr float kMost = 32767, kLeast = 1e-30f;  // what is less is nothing: its inverse would be infinite
    constexpr size_t kHalf = kWordGroup / 2;
    float most = 0, low = 0, high = 0;
    for (size_t i = 0; i < kWordGroup; ++i) most = std::fabs(x[i]) > most ? std::fabs(x[i]) : most;
    for (size_t i = 0; i < kHalf; ++i) {
      low += x[i];
      high += x[kHalf + i];
    }
    // What is not finite stays so, by the scale.
    const bool finite = std::isfinite(most) && std::isfinite(low + high);
    const float inverse = finite && most > kLeast ? kMost / most : 0;
    scales[group] = finite ? most / kMost : NAN;
    sums[2 * group] = low;
    sums[2 * group + 1] = high;
    for (size_t i = 0; i < kWordGroup; ++i) {
      const float value = finite ? x[i] * inverse : 0;
      words[group * kWordGroup + i] = static_cast<int16_t>(static_cast<int32_t>(value + (value < 0 ? -0.5f : 0.5f)));
    }
  }
};

template <StoredType kType>
void gemv_blocks(float* y, const float* x, const uint8_t* w, size_t w_stride, size_t rows, size_t depth,
                 void* scratch) {
  using Layout = StoredLayout<kType>;
  constexpr StoredBlock kBlock = kStoredBlocks[static_cast<size_t>(kType)];
  constexpr size_t kParts = kBlock.values / kWordGroup;  // of a block
  const WordRow row_of_words(x, depth, scratch);
  alignas(64) int8_t codes[kBlock.values];
  float scales[kBlock.values / Layout::kGroup], minimums[kBlock.values / Layout::kGroup];
  for (size_t row = 0; row < rows; ++row) {
    const uint8_t* block = w + row * w_stride;
    F32 total[2] = {F32::all(0.0f), F32::all(0.0f)};
    float taken = 0;
    for (size_t first = 0; first < depth / kWordGroup; first += kParts, block += kBlock.bytes) {
      Layout::unpack(block, codes, scales, minimums);
      for (size_t part = 0; part < kParts; ++part) {
        const int8_t* code = codes + part * kWordGroup;
        const int16_t* words = row_of_words.words + (first + part) * kWordGroup;
        const float scale = row_of_words.scales[first + part];
        const float* sums = row_of_words.sums + 2 * (first + part);
        const size_t group = part * kWordGroup / Layout::kGroup;
        F32& sum = total[part % 2];
        if constexpr (Layout::kGroup == kWordGroup / 2) {
          sum = add_halves(sum, code, words, scales[group] * scale, scales[group + 1] * scale);
          if constexpr (Layout::kMinimums) taken += minimums[group] * sums[0] + minimums[group + 1] * sums[1];
        } else {
          sum = add_scaled(sum, code, words, scales[group] * scale);
          if constexpr (Layout::kMinimums) taken += minimums[group] * (sums[0] + sums[1]);
        }
      }
    }
    y[row] = sum_of_lanes(total[0] + total[1]) - taken;
  }
}

}  // namespace
}  // namespace mica::simd
