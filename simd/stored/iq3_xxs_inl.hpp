// IQ3_XXS (ggml's quants.h): a block of 256 is an f16 multiplier, 64 rows of a grid of 256, and a word of each of
// eight groups: signs of four times eight values in seven bits, and the scale in the top four bits.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::iq3_xxs> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    const float scale = load_half(block);
    for (size_t g = 0; g < 8; ++g) {
      const uint32_t word = load_u32(block + 66 + 4 * g);
      scales[g] = scale * (0.5f + static_cast<float>(word >> 28)) * 0.5f;
      for (size_t v = 0; v < 4; ++v) {
        const uint8_t* rows = block + 2 + 8 * g + 2 * v;
        const uint32_t signs = even_signs(word >> 7 * v);
        put_signed_four(kMagnitudesIq3Xxs, kGridIq3Xxs[rows[0]], signs, codes + 32 * g + 8 * v);
        put_signed_four(kMagnitudesIq3Xxs, kGridIq3Xxs[rows[1]], signs >> 4, codes + 32 * g + 8 * v + 4);
      }
    }
  }
};

}  // namespace
}  // namespace mica::simd
