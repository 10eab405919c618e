// IQ4_NL (ggml's quants.h): a block is an f16 scale and 32 nibbles that choose one of 16 numbers, the low ones values
// 0 to 15, the high ones values 16 to 31.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::iq4_nl> {
  static constexpr size_t kGroup = 32, kHalves = 1;
  static constexpr bool kMinimums = false;
  static constexpr int kOffset = 128;

  static Bytes32 codes(const uint8_t* block, size_t) { return numbers_at(kNumbersIq4, nibbles_of(block + 2)); }
};

}  // namespace
}  // namespace mica::simd
