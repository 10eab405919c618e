// Q2_K (ggml's quants.h): a block of 256 is the scales and minimums of 16 groups, a nibble each, 256 values of two
// bits, and f16 multipliers of both.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q2_k> {
  static constexpr size_t kGroup = 16;
  static constexpr bool kMinimums = true;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float* minimums) {
    const float scale = load_half(block + 80), minimum = load_half(block + 82);
    for (size_t g = 0; g < 16; ++g) {
      scales[g] = scale * static_cast<float>(block[g] & 15);
      minimums[g] = minimum * static_cast<float>(block[g] >> 4);
    }
    unpack_quarters(block + 16, codes, 0);
  }
};

}  // namespace
}  // namespace mica::simd
