// p2: indices of 16 pairs of levels, a nibble for two inputs, so that the levels of both are chosen together. 16 inputs
// in 64 bytes of a panel: byte 4c + j holds the pair of channel c and inputs j and 4 + j in the low nibble, of inputs 8
// + j and 12 + j in the high one.
#pragma once

#include "panel_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct PanelLayout<PanelFormat::p2> {
  static constexpr size_t kBlockInputs = 16;
  // The second input of a pair is so far from the first.
  static constexpr size_t kPairDistance = 4;

  static size_t index(const uint8_t* block, size_t channel, size_t input) {
    return (block[4 * channel + input % 4] >> input / 8 * 4 & 15u) + (input / 4 % 2 ? 16 : 0);
  }
  // Of either input of the pair; `index` below 16 is that of both.
  static void put(uint8_t* block, size_t channel, size_t input, size_t index) {
    uint8_t& byte = block[4 * channel + input % 4];
    byte = static_cast<uint8_t>((byte & ~(15u << input / 8 * 4)) | index << input / 8 * 4);
  }
};

}  // namespace
}  // namespace mica::simd
