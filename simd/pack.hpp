// The one weight layout: row-major integers to panels and back. Not a kernel: packing happens once, on the host that
// quantizes, so that plain code serves every processor; the packed bytes are used in place by all of them.
//
// 4 bits ("u4"): unsigned nibbles u = w + 8. A panel is 16 output channels; each 64 bytes of it are 8 inputs: byte
// 4c + j holds the weight of channel c and input j in the low nibble, of input 4 + j in the high one.
// 8 bits ("s8"): the same panels with 4 inputs in 64 bytes: byte 4c + j is the weight of channel c and input j.
// Inputs are padded to 32 and channels to 16, with weights of value 0 (u = 8).
#pragma once

#include <cstddef>
#include <cstdint>

#include "gemm_kernels.hpp"

namespace mica::simd {

constexpr size_t padded_inputs(size_t inputs) { return (inputs + kInputPadding - 1) / kInputPadding * kInputPadding; }
constexpr size_t panel_count(size_t channels) { return (channels + kPanelChannels - 1) / kPanelChannels; }

// Bytes of one panel, and of a whole matrix. A multiple of 64.
constexpr size_t u4_panel_bytes(size_t inputs) { return padded_inputs(inputs) * kPanelChannels / 2; }
constexpr size_t s8_panel_bytes(size_t inputs) { return padded_inputs(inputs) * kPanelChannels; }
constexpr size_t u4_bytes(size_t inputs, size_t channels) { return panel_count(channels) * u4_panel_bytes(inputs); }
constexpr size_t s8_bytes(size_t inputs, size_t channels) { return panel_count(channels) * s8_panel_bytes(inputs); }

// weights[channels][inputs], rows `stride` apart, each in [-8, 7] (u4) or any int8 (s8), to as many bytes as u4_bytes
// or s8_bytes says.
void pack_u4(uint8_t* panels, const int8_t* weights, size_t stride, size_t inputs, size_t channels);
void pack_s8(uint8_t* panels, const int8_t* weights, size_t stride, size_t inputs, size_t channels);
// The inverse; padding is dropped.
void unpack_u4(int8_t* weights, size_t stride, const uint8_t* panels, size_t inputs, size_t channels);
void unpack_s8(int8_t* weights, size_t stride, const uint8_t* panels, size_t inputs, size_t channels);

}  // namespace mica::simd
