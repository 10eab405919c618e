// Grouped S8: a block is a float scale and 32 signed bytes.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::grouped_s8> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    std::memcpy(scales, block, sizeof(float));
    std::memcpy(codes, block + 4, 32);
  }
};

}  // namespace
}  // namespace mica::simd
