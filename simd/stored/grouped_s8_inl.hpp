// Grouped S8: a block is a float scale and 32 signed bytes.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::grouped_s8> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;
  static constexpr int kOffset = 128;

  static Bytes32 codes(const uint8_t* block, size_t) { return load_bytes<Bytes32>(block + 4) ^ 128; }
  static void scales(const uint8_t* block, float* scales, float*) { std::memcpy(scales, block, sizeof(float)); }
};

}  // namespace
}  // namespace mica::simd
