// Q5_1 (ggml's quants.h): a block is an f16 scale, an f16 minimum that is added, 32 fifth bits and 32 nibbles, the low
// ones values 0 to 15, the high ones values 16 to 31.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q5_1> {
  static constexpr size_t kGroup = 32, kHalves = 2;
  static constexpr bool kMinimums = true;
  static constexpr int kOffset = 0;

  static Bytes32 codes(const uint8_t* block, size_t) { return nibbles_of(block + 8) | fifths_of(load_u32(block + 4)); }
};

}  // namespace
}  // namespace mica::simd
