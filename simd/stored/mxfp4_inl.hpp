// MXFP4 (ggml's quants.h): a block is an exponent (of the OCP microscaling formats, E8M0) and 32 nibbles of E2M1, the
// low ones values 0 to 15, the high ones values 16 to 31. Codes are twice the values.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::mxfp4> {
  static constexpr size_t kGroup = 32;
  static constexpr bool kMinimums = false;
  static constexpr int kOffset = 128;

  static Bytes32 codes(const uint8_t* block, size_t) { return numbers_at(kTwiceE2m1, nibbles_of(block + 1)); }
  static void scales(const uint8_t* block, float* scales, float*) {
    // 2^(e - 128), of which the two smallest are subnormal.
    const uint32_t exponent = block[0];
    scales[0] = std::bit_cast<float>(exponent < 2 ? uint32_t{0x00200000} << exponent : (exponent - 1) << 23);
  }
};

}  // namespace
}  // namespace mica::simd
