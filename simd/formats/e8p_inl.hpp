// e8p: vectors of eight inputs of the lattice E8, two bytes each (e8p.hpp). 16 inputs in 64 bytes of a panel, 32 for eight
// channels: their patterns, of all eight channels for inputs 0 to 7, then for inputs 8 to 15, and in the same order their
// signs.
#pragma once

#include "e8p.hpp"
#include "panel_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct PanelLayout<PanelFormat::e8p> {
  static constexpr size_t kBlockInputs = 16;
  // Inputs of a channel whose integers have a code together.
  static constexpr size_t kVector = kVectorInputs;

  static int code(const uint8_t* block, size_t channel, size_t input) {
    const uint8_t* at = block + place(channel, input);
    return e8p_value({at[0], at[16]}, input % kVector);
  }
  // Of kVector inputs from `input` on.
  static void put_vector(uint8_t* block, size_t channel, size_t input, const int8_t* values) {
    const E8pCode code = e8p_code(values);
    uint8_t* at = block + place(channel, input);
    at[0] = code.pattern;
    at[16] = code.signs;
  }

 private:
  static size_t place(size_t channel, size_t input) { return channel / 8 * 32 + input / kVector * 8 + channel % 8; }
};

}  // namespace
}  // namespace mica::simd
