// Q4_K (ggml's quants.h): a block of 256 is f16 multipliers of scales and of minimums, these of eight groups in six
// bits each, and nibbles, of two groups in 32 bytes: the low ones, then the high ones.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q4_k> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = true;
  static constexpr int kOffset = 0;

  static Bytes32 codes(const uint8_t* block, size_t part) {
    const auto nibbles = load_bytes<Bytes32>(block + 16 + part / 2 * 32);
    return part % 2 == 0 ? nibbles & 15 : nibbles >> 4;
  }
  static void scales(const uint8_t* block, float* scales, float* minimums) {
    unpack_six_bit_scales(block + 4, load_half(block), load_half(block + 2), scales, minimums);
  }
};

}  // namespace
}  // namespace mica::simd
