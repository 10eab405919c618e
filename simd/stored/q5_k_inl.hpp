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
  static constexpr int kOffset = 0;

  static Bytes32 codes(const uint8_t* block, size_t part) {
    const auto nibbles = load_bytes<Bytes32>(block + 48 + part / 2 * 32);
    const auto fifths = load_bytes<Bytes32>(block + 16);
    const auto shift = static_cast<uint8_t>(part);
    const auto fifth = (part < 4 ? fifths << (4 - shift) : fifths >> (shift - 4)) & 16;
    return (part % 2 == 0 ? nibbles & 15 : nibbles >> 4) | fifth;
  }
  static void scales(const uint8_t* block, float* scales, float* minimums) {
    unpack_six_bit_scales(block + 4, load_half(block), load_half(block + 2), scales, minimums);
  }
};

}  // namespace
}  // namespace mica::simd
