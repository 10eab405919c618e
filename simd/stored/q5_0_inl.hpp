// Q5_0 (ggml's quants.h): a block is an f16 scale, 32 fifth bits and 32 nibbles, the low ones values 0 to 15, the high
// ones values 16 to 31; of value + 16.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q5_0> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    scales[0] = load_half(block);
    unpack_five_bits(block + 6, load_u32(block + 2), codes, 16);
  }
};

}  // namespace
}  // namespace mica::simd
