// Q8_0 (ggml's quants.h): a block is an f16 scale and 32 signed bytes.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::q8_0> {
  static constexpr size_t kGroup = 32, kHalves = 1;
  static constexpr bool kMinimums = false;
  static constexpr int kOffset = 128;

  static Bytes32 codes(const uint8_t* block, size_t) { return load_bytes<Bytes32>(block + 2) ^ 128; }
};

}  // namespace
}  // namespace mica::simd
