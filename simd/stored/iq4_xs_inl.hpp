// IQ4_XS (ggml's quants.h): a block of 256 is an f16 multiplier, scales + 32 of eight groups, their upper two bits and
// lower four, and nibbles as in IQ4_NL, 16 bytes a group.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::iq4_xs> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    const float scale = load_half(block);
    const int high = load_u16(block + 2);
    for (size_t g = 0; g < 8; ++g) {
      const int low = block[4 + g / 2] >> g % 2 * 4 & 15;
      scales[g] = scale * static_cast<float>((low | (high >> 2 * g & 3) << 4) - 32);
      look_up_nibbles(block + 8 + 16 * g, codes + 32 * g, kNumbersIq4);
    }
  }
};

}  // namespace
}  // namespace mica::simd
