// Q2_0 (ggml's quants.h): a block is an f16 scale and 64 values + 1 of two bits, four in a byte from its low bits on.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q2_0> {
  static constexpr size_t kGroup = 64;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    scales[0] = load_half(block);
    for (size_t i = 0; i < 64; ++i) codes[i] = static_cast<int8_t>((block[2 + i / 4] >> i % 4 * 2 & 3) - 1);
  }
};

}  // namespace
}  // namespace mica::simd
