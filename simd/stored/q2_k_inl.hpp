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
  static constexpr int kOffset = 0;

  static Bytes32 codes(const uint8_t* block, size_t part) { return quarters_of(block + 16, part); }
  static void scales(const uint8_t* block, float* scales, float* minimums) {
    const float scale = load_half(block + 80), minimum = load_half(block + 82);
    for (size_t g = 0; g < 16; g += 8) {
      const uint64_t both = load_u64(block + g);
      store_bytes(scales + g, floats_of(both & 0x0F0F0F0F0F0F0F0F) * scale);
      store_bytes(minimums + g, floats_of(both >> 4 & 0x0F0F0F0F0F0F0F0F) * minimum);
    }
  }
};

}  // namespace
}  // namespace mica::simd
