// Q5_0 (ggml's quants.h): a block is an f16 scale, 32 fifth bits and 32 nibbles, the low ones values 0 to 15, the high
// ones values 16 to 31; of value + 16.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q5_0> {
  static constexpr size_t kGroup = 32, kHalves = 1;
  static constexpr bool kMinimums = false;
  static constexpr int kOffset = 16;

  static Bytes32 codes(const uint8_t* block, size_t) { return nibbles_of(block + 6) | fifths_of(load_u32(block + 2)); }
};

}  // namespace
}  // namespace mica::simd
