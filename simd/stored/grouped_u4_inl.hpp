// Grouped U4: a block is a float scale, an integer zero of -100 to 100 and 32 nibbles, the low ones values 0 to 15, the
// high ones values 16 to 31. The zero is subtracted before the product: no minimum says that without rounding.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::grouped_u4> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    std::memcpy(scales, block, sizeof(float));
    store_bytes(codes, nibbles_of(block + 8) - block[4]);
  }
};

}  // namespace
}  // namespace mica::simd
