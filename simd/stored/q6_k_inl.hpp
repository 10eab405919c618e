// Q6_K (ggml's quants.h): a block of 256 is low nibbles of value + 32, their upper two bits, signed scales of 16
// groups and their f16 multiplier.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q6_k> {
  static constexpr size_t kGroup = 16;
  static constexpr bool kMinimums = false;
  static constexpr int kOffset = 32;

  static Bytes32 codes(const uint8_t* block, size_t part) {
    const auto low = load_bytes<Bytes32>(block + part / 4 * 64 + part % 2 * 32);
    const auto high = load_bytes<Bytes32>(block + 128 + part / 4 * 32);
    const auto shift = static_cast<uint8_t>(part % 4 * 2);
    return part % 4 < 2 ? (low & 15) | (high << (4 - shift) & 48) : low >> 4 | (high >> (shift - 4) & 48);
  }
  static void scales(const uint8_t* block, float* scales, float*) {
    const float scale = load_half(block + 208);
    for (size_t g = 0; g < 16; g += 8) store_bytes(scales + g, signed_floats_of(load_u64(block + 192 + g)) * scale);
  }
};

}  // namespace
}  // namespace mica::simd
