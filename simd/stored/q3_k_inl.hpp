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

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    const uint8_t* packed = block + 96;
    const float scale = load_half(block + 108);
    for (size_t g = 0; g < 16; ++g) {
      const int low = g < 8 ? packed[g] & 15 : packed[g - 8] >> 4;
      const int high = packed[8 + g % 4] >> g / 4 * 2 & 3;
      scales[g] = scale * static_cast<float>((low | high << 4) - 32);
    }
    unpack_quarters(block + 32, codes, 4);
    auto third = load_bytes<Bytes32>(block);
    for (size_t part = 0; part < 8; ++part, third >>= 1)
      store_codes<Bytes32>(codes + 32 * part, load_bytes<Bytes32>(codes + 32 * part) + ((third & 1) << 2));
  }
};

}  // namespace
}  // namespace mica::simd
