// IQ2_S (ggml's quants.h): a block of 256 is an f16 multiplier, the low bytes of 32 rows of a grid of 1024, their
// signs, a bit a value, the upper two bits of the rows, and scales of 16 groups, a nibble each.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::iq2_s> {
  static constexpr size_t kGroup = 16;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    unpack_nibble_scales(block + 74, load_half(block), scales);
    for (size_t v = 0; v < 32; ++v) {
      const size_t row = block[2 + v] | (block[66 + v / 4] >> v % 4 * 2 & size_t{3}) << 8;
      put_signed_eight(kGridIq2S[row], block[34 + v], codes + 8 * v);
    }
  }
};

}  // namespace
}  // namespace mica::simd
