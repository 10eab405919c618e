// IQ1_S (ggml's quants.h): a block of 256 is an f16 multiplier, the low bytes of 32 rows of a grid of 2048, and a word
// of each of eight groups: upper three bits of four rows, a scale in three bits, and the sign of the eighth that is
// added to all values. Codes are eight times the values.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::iq1_s> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    const float scale = load_half(block);
    for (size_t g = 0; g < 8; ++g) {
      const uint32_t word = load_u16(block + 34 + 2 * g);
      scales[g] = scale * static_cast<float>(2 * (word >> 12 & 7) + 1) * 0.125f;
      for (size_t v = 0; v < 4; ++v)
        put_eighths(kGridIq1[block[2 + 4 * g + v] | (word >> 3 * v & 7) << 8], word >> 15, codes + 32 * g + 8 * v);
    }
  }
};

}  // namespace
}  // namespace mica::simd
