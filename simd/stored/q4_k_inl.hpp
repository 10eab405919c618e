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

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float* minimums) {
    unpack_six_bit_scales(block + 4, load_half(block), load_half(block + 2), scales, minimums);
    for (size_t pair = 0; pair < 4; ++pair) {
      const auto nibbles = load_bytes<Bytes32>(block + 16 + 32 * pair);
      store_codes<Bytes32>(codes + 64 * pair, nibbles & 15);
      store_codes<Bytes32>(codes + 64 * pair + 32, nibbles >> 4);
    }
  }
};

}  // namespace
}  // namespace mica::simd
