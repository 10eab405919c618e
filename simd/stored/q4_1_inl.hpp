// Q4_1 (ggml's quants.h): a block is an f16 scale, an f16 minimum that is added, and 32 nibbles, the low ones values 0
// to 15, the high ones values 16 to 31.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q4_1> {
  static constexpr size_t kGroup = 32, kHalves = 2;
  static constexpr bool kMinimums = true;
  static constexpr int kOffset = 0;

  static Bytes32 codes(const uint8_t* block, size_t) { return nibbles_of(block + 4); }
};

}  // namespace
}  // namespace mica::simd
