// s8: signed bytes, 4 inputs in 64 bytes of a panel: byte 4c + j is the weight of channel c and input j.
#pragma once

#include "panel_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct PanelLayout<PanelFormat::s8> {
  static constexpr size_t kBlockInputs = 4;

  static int code(const uint8_t* block, size_t channel, size_t input) {
    return static_cast<int8_t>(block[4 * channel + input]);
  }
  static void put(uint8_t* block, size_t channel, size_t input, int code) {
    block[4 * channel + input] = static_cast<uint8_t>(code);
  }
};

}  // namespace
}  // namespace mica::simd
