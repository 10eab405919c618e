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

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    const float scale = load_half(block + 208);
    for (size_t g = 0; g < 16; ++g) scales[g] = scale * static_cast<float>(static_cast<int8_t>(block[192 + g]));
    for (size_t half = 0; half < 2; ++half, codes += 128) {
      const auto near = load_bytes<Bytes32>(block + 64 * half), far = load_bytes<Bytes32>(block + 64 * half + 32);
      const auto high = load_bytes<Bytes32>(block + 128 + 32 * half);
      store_codes<Bytes32>(codes, ((near & 15) | (high & 3) << 4) - 32);
      store_codes<Bytes32>(codes + 32, ((far & 15) | (high & 12) << 2) - 32);
      store_codes<Bytes32>(codes + 64, (near >> 4 | (high & 48)) - 32);
      store_codes<Bytes32>(codes + 96, (far >> 4 | (high & 192) >> 2) - 32);
    }
  }
};

}  // namespace
}  // namespace mica::simd
