// What a format's file in formats/ says: how the weights of 16 channels lie in a block of bytes. All that packs,
// unpacks or multiplies by the definition is derived from it. Not the kernels that know a layout by heart:
// simd/<level>/.
#pragma once

#include "gemm_kernels.hpp"

namespace mica::simd {
namespace {  // each level compiles its own copy: no weak symbol carries one level's instructions into another

// A specialization for each format:
//   kBlockInputs                         inputs of each channel in a block; divides kInputPadding
//   kBlockBytes                          of a block, a multiple of 64; without it 64
//   code(block, channel, input)          the integer of a channel below 16 and an input below kBlockInputs
//   put(block, channel, input, code)     sets it; where inputs have a code together, kVector of them,
//   put_vector(block, channel, input, codes)   sets those from `input` on instead
// Of a format with levels, instead of code(): index(block, channel, input), where in the table the integer stands;
// put() takes it. Of pairs: kPairDistance.
template <PanelFormat kFormat>
struct PanelLayout;

template <PanelFormat kFormat>
constexpr size_t block_bytes() {
  if constexpr (requires { PanelLayout<kFormat>::kBlockBytes; }) return PanelLayout<kFormat>::kBlockBytes;
  else return 64;
}

// Inputs that have a code together.
template <PanelFormat kFormat>
constexpr size_t vector_inputs() {
  if constexpr (requires { PanelLayout<kFormat>::kVector; }) return PanelLayout<kFormat>::kVector;
  else return 1;
}

template <PanelFormat kFormat>
constexpr PanelFacts kFactsOf = kPanelFacts[static_cast<size_t>(kFormat)];

// Without its multiplier. `levels`: of a format that has them.
template <PanelFormat kFormat>
int weight_at(const uint8_t* block, size_t channel, size_t input, [[maybe_unused]] const int8_t* levels) {
  if constexpr (kFactsOf<kFormat>.levels > 0) return levels[PanelLayout<kFormat>::index(block, channel, input)];
  else return PanelLayout<kFormat>::code(block, channel, input);
}

// What makes all weights of a format unsigned when it is added to them; of up to four bits the same for most, and a power of
// two.
template <PanelFormat kFormat>
constexpr int kUnsignedBy = kFactsOf<kFormat>.bits == 8             ? 128
                            : kFactsOf<kFormat>.level_magnitude > 8 ? kFactsOf<kFormat>.level_magnitude
                                                                    : 8;

// Bytes before a panel's blocks: the multipliers of its groups, 8 bytes a group, of channels i and 8 + i in the nibbles
// of byte i.
inline constexpr size_t kGroupBytes = 8;
template <PanelFormat kFormat>
constexpr size_t header_bytes(size_t inputs) {
  constexpr size_t kGroup = kFactsOf<kFormat>.group;
  if constexpr (kGroup == 0) return 0;
  else return ((inputs + kGroup - 1) / kGroup * kGroupBytes + 63) / 64 * 64;
}

inline int multiplier_at(const uint8_t* group, size_t channel) { return group[channel % 8] >> channel / 8 * 4 & 15; }

}  // namespace
}  // namespace mica::simd
