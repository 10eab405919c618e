// IQ2_XS (ggml's quants.h): a block of 256 is an f16 multiplier, 32 words that choose a row of a grid of 512 and its
// signs in seven bits, and scales of 16 groups, a nibble each.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::iq2_xs> {
  static constexpr size_t kGroup = 16;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    unpack_nibble_scales(block + 66, load_half(block), scales);
    for (size_t v = 0; v < 32; ++v) {
      const uint32_t word = load_u16(block + 2 + 2 * v);
      put_signed_eight(kGridIq2Xs[word & 511], even_signs(word >> 9), codes + 8 * v);
    }
  }
};

}  // namespace
}  // namespace mica::simd
