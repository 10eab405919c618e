// Q4_0 (ggml's quants.h): a block is an f16 scale and 32 nibbles of value + 8, the low ones values 0 to 15, the high
// ones values 16 to 31.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q4_0> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    scales[0] = load_half(block);
    unpack_nibbles(block + 2, codes, 8);
  }
};

}  // namespace
}  // namespace mica::simd
