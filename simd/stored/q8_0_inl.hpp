// Q8_0 (ggml's quants.h): a block is an f16 scale and 32 signed bytes.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q8_0> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    scales[0] = load_half(block);
    std::memcpy(codes, block + 2, 32);
  }
};

}  // namespace
}  // namespace mica::simd
