// Q3_K (ggml's quants.h): a block of 256 is 32 bytes of third bits (set: not negative), 256 values of two bits, scales
// + 32 of 16 groups of six bits, and their f16 multiplier.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q3_k> {
  static constexpr size_t kGroup = 16;
  static constexpr bool kMinimums = false;
  static constexpr int kOffset = 4;

  static Bytes32 codes(const uint8_t* block, size_t part) {
    const auto third = load_bytes<Bytes32>(block) >> static_cast<uint8_t>(part) & 1;
    return quarters_of(block + 32, part) | third << 2;
  }
  static void scales(const uint8_t* block, float* scales, float*) {
    const float scale = load_half(block + 108);
    const uint64_t low = load_u64(block + 96), high = load_u32(block + 104);
    for (size_t half = 0; half < 2; ++half) {
      const uint64_t four = (high >> 4 * half & 0x03030303) | (high >> 4 * half & 0x0C0C0C0C) << 30;
      const uint64_t bytes = (low >> 4 * half & 0x0F0F0F0F0F0F0F0F) | four << 4;
      store_bytes(scales + 8 * half, (floats_of(bytes) - 32.0f) * scale);
    }
  }
};

}  // namespace
}  // namespace mica::simd
