// NVFP4 (ggml's quants.h): a block is four scales (unsigned E4M3) and 64 nibbles of E2M1; group g of 16 values is in
// eight bytes, its first half in the low nibbles. Codes are twice the values. What a whole tensor is multiplied by
// stands beside it.
#pragma once

#include "stored_grids.hpp"
#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::nvfp4> {
  static constexpr size_t kGroup = 16;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    for (size_t g = 0; g < 4; ++g) {
      scales[g] = half_of_e4m3(block[g]);
      const uint8_t* bytes = block + 4 + 8 * g;
      for (size_t j = 0; j < 8; ++j) {
        codes[16 * g + j] = kTwiceE2m1[bytes[j] & 15];
        codes[16 * g + 8 + j] = kTwiceE2m1[bytes[j] >> 4];
      }
    }
  }
};

}  // namespace
}  // namespace mica::simd
