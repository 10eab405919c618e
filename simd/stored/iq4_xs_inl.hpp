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
  static constexpr int kOffset = 128;

  static Bytes32 codes(const uint8_t* block, size_t part) {
    return numbers_at(kNumbersIq4, nibbles_of(block + 8 + 16 * part));
  }
  static void scales(const uint8_t* block, float* scales, float*) {
    const float scale = load_half(block);
    const int high = load_u16(block + 2);
    for (size_t g = 0; g < 8; ++g) {
      const int low = block[4 + g / 2] >> g % 2 * 4 & 15;
      scales[g] = scale * static_cast<float>((low | (high >> 2 * g & 3) << 4) - 32);
    }
  }
};

}  // namespace
}  // namespace mica::simd
