// IQ2_XXS (ggml's quants.h): a block of 256 is an f16 multiplier and eight groups: four rows of a grid of 256, then a
// word of their signs, seven bits each, and the scale in the top four bits.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::iq2_xxs> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    const float scale = load_half(block);
    for (size_t g = 0; g < 8; ++g) {
      const uint8_t* group = block + 2 + 8 * g;
      const uint32_t word = load_u32(group + 4);
      scales[g] = scale * (0.5f + static_cast<float>(word >> 28)) * 0.25f;
      for (size_t v = 0; v < 4; ++v)
        put_signed_eight(kGridIq2Xxs[group[v]], even_signs(word >> 7 * v), codes + 32 * g + 8 * v);
    }
  }
};

}  // namespace
}  // namespace mica::simd
