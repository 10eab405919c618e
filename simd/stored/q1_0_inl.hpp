// Q1_0 (ggml's quants.h): a block is an f16 scale and 128 signs: a set bit is plus one, the others minus one.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q1_0> {
  static constexpr size_t kGroup = 128;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    scales[0] = load_half(block);
    for (size_t i = 0; i < 128; ++i) codes[i] = static_cast<int8_t>((block[2 + i / 8] >> i % 8 & 1) * 2 - 1);
  }
};

}  // namespace
}  // namespace mica::simd
