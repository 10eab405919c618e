// Packing: row-major integers to panels and back, for every format. Not a kernel: packing happens once, on the host
// that quantizes, so that plain code serves every processor; the packed bytes are used in place by all of them.
//
// A panel is 16 output channels: the multipliers of its groups, if the format has them, up to a whole line of 64 bytes,
// then blocks of weights as the format's file in formats/ lays them out. Inputs are padded to 32 and channels to 16,
// with weights of value 0, or, where a table has no 0, with any: activations are 0 there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gemm_kernels.hpp"

namespace mica::simd {

constexpr size_t padded_inputs(size_t inputs) { return (inputs + kInputPadding - 1) / kInputPadding * kInputPadding; }
constexpr size_t panel_count(size_t channels) { return (channels + kPanelChannels - 1) / kPanelChannels; }
// Groups of inputs that have a multiplier; 0 where the format has none.
constexpr size_t group_count(PanelFormat format, size_t inputs) {
  const size_t group = kPanelFacts[static_cast<size_t>(format)].group;
  return group == 0 ? 0 : (inputs + group - 1) / group;
}
// Inputs whose sums are exact in int32, whatever the weights.
constexpr size_t inputs_max(PanelFormat format) {
  const PanelFacts& facts = kPanelFacts[static_cast<size_t>(format)];
  if (facts.group == 0) return kInputsMax;
  return 0x7fffffffu / static_cast<size_t>(127 * facts.level_magnitude * kMultiplierMax);
}

// Bytes of one panel, a multiple of 64, and of a whole matrix.
size_t panel_bytes(PanelFormat format, size_t inputs);
size_t panels_bytes(PanelFormat format, size_t inputs, size_t channels);

// What is packed, row by row.
struct PanelCodes {
  const int8_t* weights;   // [channels][inputs], each a value that the format has: its bits in two's complement, one of
                           // the levels, or with its partner one of the pairs
  size_t stride;           // from row to row
  const uint8_t* multipliers = nullptr;  // [channels][groups], 0 to kMultiplierMax; of formats that have them
  const int8_t* levels = nullptr;        // likewise
};

// To panels_bytes bytes.
void pack_panels(PanelFormat format, uint8_t* panels, const PanelCodes& codes, size_t inputs, size_t channels);
// The inverse of a part of a channel, its inputs [first, first + count), times their multipliers.
void unpack_channel(PanelFormat format, int16_t* weights, const PanelMatrix& matrix, size_t channel, size_t first,
                    size_t count);

// The input that shares an index with `input`, in formats of pairs; the smaller one is the first of the pair.
size_t pair_of(PanelFormat format, size_t input);

}  // namespace mica::simd
