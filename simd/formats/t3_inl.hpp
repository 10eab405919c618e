// t3: indices of 8 levels. 32 inputs in 192 bytes of a panel: 64 bytes with the two low bits of inputs 0 to 15, 64 with
// those of inputs 16 to 31, and 64 with the high bits of all. Byte 4c + j is of channel c and of inputs j, 4 + j, 8 +
// j, ... from its low bits on.
#pragma once

#include "panel_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct PanelLayout<PanelFormat::t3> {
  static constexpr size_t kBlockInputs = 32;
  static constexpr size_t kBlockBytes = 192;

  static size_t index(const uint8_t* block, size_t channel, size_t input) {
    const size_t at = 4 * channel + input % 4;
    return (block[input / 16 * 64 + at] >> low_shift(input) & 3u) | (block[128 + at] >> input / 4 & 1u) << 2;
  }
  static void put(uint8_t* block, size_t channel, size_t input, size_t index) {
    const size_t at = 4 * channel + input % 4;
    uint8_t& low = block[input / 16 * 64 + at];
    uint8_t& high = block[128 + at];
    low = static_cast<uint8_t>((low & ~(3u << low_shift(input))) | (index & 3) << low_shift(input));
    high = static_cast<uint8_t>((high & ~(1u << input / 4)) | (index >> 2) << input / 4);
  }

 private:
  static size_t low_shift(size_t input) { return input % 16 / 4 * 2; }
};

}  // namespace
}  // namespace mica::simd
