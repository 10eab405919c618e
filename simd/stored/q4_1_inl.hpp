// Q4_1 (ggml's quants.h): a block is an f16 scale, an f16 minimum that is added, and 32 nibbles, the low ones values 0
// to 15, the high ones values 16 to 31.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q4_1> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = true;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float* minimums) {
    scales[0] = load_half(block);
    minimums[0] = -load_half(block + 2);
    unpack_nibbles(block + 4, codes, 0);
  }
};

}  // namespace
}  // namespace mica::simd
