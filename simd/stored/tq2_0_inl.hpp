// TQ2_0 (ggml's quants.h): a block of 256 is values + 1 of two bits and an f16 scale.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::tq2_0> {
  static constexpr size_t kGroup = 256;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    scales[0] = load_half(block + 64);
    for (size_t part = 0; part < 8; ++part) store_bytes(codes + 32 * part, quarters_of(block, part) - 1);
  }
};

}  // namespace
}  // namespace mica::simd
