// u4: unsigned nibbles u = w + 8, 8 inputs in 64 bytes of a panel: byte 4c + j holds the weight of channel c and input
// j in the low nibble, of input 4 + j in the high one.
#pragma once

#include "panel_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct PanelLayout<PanelFormat::u4> {
  static constexpr size_t kBlockInputs = 8;

  static int code(const uint8_t* block, size_t channel, size_t input) {
    return (block[4 * channel + input % 4] >> shift(input) & 15) - 8;
  }
  static void put(uint8_t* block, size_t channel, size_t input, int code) {
    uint8_t& byte = block[4 * channel + input % 4];
    byte = static_cast<uint8_t>((byte & ~(15 << shift(input))) | (code + 8) << shift(input));
  }

 private:
  static int shift(size_t input) { return input < 4 ? 0 : 4; }
};

}  // namespace
}  // namespace mica::simd
