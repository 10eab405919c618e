// IQ3_S (ggml's quants.h): a block of 256 is an f16 multiplier, the low bytes of 64 rows of a grid of 512, their ninth
// bits, signs, a bit a value, and scales of eight groups, a nibble each.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::iq3_s> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    const float scale = load_half(block);
    for (size_t g = 0; g < 8; ++g)
      scales[g] = scale * static_cast<float>(1 + 2 * (block[106 + g / 2] >> g % 2 * 4 & 15));
    for (size_t t = 0; t < 64; ++t) {
      const size_t row = block[2 + t] | (block[66 + t / 8] >> t % 8 & size_t{1}) << 8;
      put_signed_four(kMagnitudesIq3S, kGridIq3S[row], block[74 + t / 2] >> t % 2 * 4, codes + 4 * t);
    }
  }
};

}  // namespace
}  // namespace mica::simd
