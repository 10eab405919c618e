// Grouped U4 with minimums: a block is a float scale, a float that is added to all values, and 32 nibbles, the low ones
// values 0 to 15, the high ones values 16 to 31.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::grouped_u4_minimum> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = true;
  static constexpr int kOffset = 0;

  static Bytes32 codes(const uint8_t* block, size_t) { return nibbles_of(block + 8); }
  static void scales(const uint8_t* block, float* scales, float* minimums) {
    std::memcpy(scales, block, sizeof(float));
    std::memcpy(minimums, block + 4, sizeof(float));
    minimums[0] = -minimums[0];
  }
};

}  // namespace
}  // namespace mica::simd
