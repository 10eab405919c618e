// IQ1_M (ggml's quants.h): a block of 256 is the low bytes of 32 rows of the grid of IQ1_S, a nibble each of their
// upper three bits and the sign of the eighth that is added, and four words: scales of 16 groups in three bits, and in
// the top bits a nibble each of their f16 multiplier. Codes are eight times the values.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::iq1_m> {
  static constexpr size_t kGroup = 16;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    uint32_t multiplier = 0;
    for (size_t word = 0; word < 4; ++word)
      multiplier |= static_cast<uint32_t>(block[49 + 2 * word] >> 4) << 4 * word;
    const float scale = widen_half(static_cast<uint16_t>(multiplier));
    for (size_t g = 0; g < 16; ++g) {
      const uint32_t three_bits = load_u16(block + 48 + g / 4 * 2) >> g % 4 * 3 & 7;
      scales[g] = scale * static_cast<float>(2 * three_bits + 1) * 0.125f;
    }
    for (size_t v = 0; v < 32; ++v) {
      const uint32_t nibble = block[32 + v / 2] >> v % 2 * 4 & 15;
      put_eighths(kGridIq1[block[v] | (nibble & 7) << 8], nibble >> 3, codes + 8 * v);
    }
  }
};

}  // namespace
}  // namespace mica::simd
