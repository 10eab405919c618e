// TQ1_0 (ggml's quants.h): a block of 256 is 48 bytes of five values + 1 each in base 3, four bytes of four, and an
// f16 scale. A byte holds its number as a fraction of 256, so that a digit is what a product with 3 carries over.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::tq1_0> {
  static constexpr size_t kGroup = 256;
  static constexpr bool kMinimums = false;

  static void unpack(const uint8_t* block, int8_t* codes, float* scales, float*) {
    scales[0] = load_half(block + 52);
    codes = unpack_digits<32, 5>(block, codes);
    codes = unpack_digits<16, 5>(block + 32, codes);
    unpack_digits<4, 4>(block + 48, codes);
  }

 private:
  // The first digits of all bytes, then the second ones.
  template <size_t kBytes, size_t kDigits>
  static int8_t* unpack_digits(const uint8_t* bytes, int8_t* codes) {
    uint8_t rest[kBytes];
    std::memcpy(rest, bytes, kBytes);
    for (size_t digit = 0; digit < kDigits; ++digit, codes += kBytes)
      for (size_t j = 0; j < kBytes; ++j) {
        codes[j] = static_cast<int8_t>((rest[j] > 85) + (rest[j] > 170) - 1);  // from where 3 * rest is 256, and 512
        rest[j] = static_cast<uint8_t>(rest[j] * 3);
      }
    return codes;
  }
};

}  // namespace
}  // namespace mica::simd
