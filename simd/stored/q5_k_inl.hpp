// Q5_K (ggml's quants.h): a block of 256 is that of Q4_K with 32 bytes of fifth bits before the nibbles: bit g of byte
// j is that of value j of group g.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q5_k> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = true;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float* minimums) {
    unpack_six_bit_scales(block + 4, load_half(block), load_half(block + 2), scales, minimums);
    auto fifth = load_bytes<Bytes32>(block + 16);
    for (size_t pair = 0; pair < 4; ++pair, fifth >>= 2) {
      const auto nibbles = load_bytes<Bytes32>(block + 48 + 32 * pair);
      store_codes<Bytes32>(codes + 64 * pair, (nibbles & 15) | (fifth & 1) << 4);
      store_codes<Bytes32>(codes + 64 * pair + 32, nibbles >> 4 | (fifth & 2) << 3);
    }
  }
};

}  // namespace
}  // namespace mica::simd
