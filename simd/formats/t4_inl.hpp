// t4: indices of 16 levels, with a multiplier for each 64 inputs. 8 inputs in 64 bytes of a panel, as u4: byte 4c + j
// holds the index of channel c and input j in the low nibble, of input 4 + j in the high one.
#pragma once

#include "panel_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct PanelLayout<PanelFormat::t4> {
  static constexpr size_t kBlockInputs = 8;

  static size_t index(const uint8_t* block, size_t channel, size_t input) {
    return block[4 * channel + input % 4] >> input / 4 * 4 & 15;
  }
  static void put(uint8_t* block, size_t channel, size_t input, size_t index) {
    uint8_t& byte = block[4 * channel + input % 4];
    byte = static_cast<uint8_t>((byte & ~(15u << input / 4 * 4)) | index << input / 4 * 4);
  }
};

}  // namespace
}  // namespace mica::simd
