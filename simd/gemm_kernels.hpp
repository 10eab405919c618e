// Integer matrix products: int8 activations times packed weights of each format, with the epilogue that makes them
// activations again. Not packing (pack.hpp), and not threads: the caller names the tile.
//
// What is computed, for row m and output channel n of the tile, in exactly this order of operations, so that every
// level and every split into tiles gives the same bits, floats included (no fused multiply-add anywhere):
//
//   sum   = sum over k of x[m][k] * w[n][k]                 exact, int32; w with its multiplier
//   value = float(sum) * (channel_scale[n] * row_scale(m))
//   value = value + rank1_rows[m] * rank1_channels[n]       where rank1_rows is given
//   value = value + bias[n]                                 where bias is given
//   value = value * multiplier[n]                           where multiplier is given
//
//   dst[m][n] = value, or dst[m][n] + value
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

// The formats of packed weights, in the order of their list.
enum class PanelFormat : uint8_t {
#define MICA_WEIGHT_FORMAT(format, ...) format,
#include "weight_formats.inc"
  count
};
inline constexpr size_t kPanelFormats = static_cast<size_t>(PanelFormat::count);

// What a format's line says that kernels need to know.
struct PanelFacts {
  int bits;
  size_t levels;       // of its table; 0: none
  size_t group;        // inputs that share a multiplier; 0: none
  int level_magnitude; // greatest magnitude of a level, by which kernels know that their 16-bit sums are exact
};
inline constexpr PanelFacts kPanelFacts[] = {
#define MICA_WEIGHT_FORMAT(format, name, type, bits, low, high, levels, group) {bits, levels, group, high},
#include "weight_formats.inc"
};
inline constexpr int kMultiplierMax = 15;

// Weights lie in panels of 16 output channels, each a whole number of 64-byte lines (pack.hpp has sizes and layout).
inline constexpr size_t kPanelChannels = 16;
// Inputs are padded to a multiple of this, in weights and in activations.
inline constexpr size_t kInputPadding = 32;
// Beyond this many inputs an int32 sum of 8-bit products could overflow: 127 * 128 * 131072 < 2^31. Fewer bits would
// allow more, multipliers fewer (pack.hpp, inputs_max).
inline constexpr size_t kInputsMax = 131072;

// Quantized activations, row-major. Each row holds `inputs` values in [-127, 127] and then zeros up to a multiple of
// kInputPadding, all of which is read; no alignment is needed.
struct QuantizedRows {
  const int8_t* values;
  size_t stride;        // bytes from row to row
  const int32_t* sums;  // sum of each row; the producer that quantizes has it at hand. Never null
};

// Packed weights of one linear layer: 64-byte aligned, as many bytes as pack.hpp says.
struct PanelMatrix {
  const uint8_t* panels;
  size_t inputs;
  size_t channels;
  const int8_t* levels = nullptr;  // [PanelFacts::levels], none greater than level_magnitude; of formats that have them
};

// Rows [row_begin, row_end) and panels [panel_begin, panel_end): the channels from 16 panel_begin to 16 panel_end, or
// to the last one. Indices are those of the whole matrices; pointers of the other arguments are never offset.
struct GemmTile {
  size_t row_begin, row_end;
  size_t panel_begin, panel_end;
};

// A value for rows [0, split) and one for the rows from split on: visual and text rows have scales of their own.
struct RowPair {
  size_t split;
  float first, second;
};

// Pointers are to one float a channel or a row of the whole matrix, or null where said.
struct Epilogue {
  const float* channel_scale;              // of the weights; never null
  RowPair row_scale;                       // of the activations
  const float* bias = nullptr;             // or null
  const float* multiplier = nullptr;       // or null; a tower's layer scale
  const float* rank1_rows = nullptr;       // or null; the input that was kept out of the matrix (MQuant, RMS) ...
  const float* rank1_channels = nullptr;   // ... and its weights; given when rank1_rows is
};

// dst is never an input of the same call, unless `accumulate`, when it is the residual stream.
struct FloatRows {
  float* values;
  size_t stride;  // floats from row to row
  bool accumulate;
};

using GemmF32 = void (*)(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue,
                         const FloatRows& dst, const GemmTile& tile);

// How the products of a level are best called. A tile of few rows streams the weights once, with prefetch (decode); one
// of more rows is blocked for the caches, and is best given all rows.
struct GemmGeometry {
  size_t stream_rows;       // up to so many rows are streamed
  size_t stream_bytes_min;  // of weights: below this a tile is not worth a task of its own ...
  size_t stream_bytes_max;  // ... and beyond this nothing is won
  size_t block_panels;      // of a tile of more rows; a multiple of it is as good
};

// gemm_<dst>_<activations>[PanelFormat of the weights]. Stack: 64 KB.
struct GemmKernels {
  GemmF32 gemm_f32_s8[kPanelFormats];
  GemmGeometry geometry[kPanelFormats];
};

}  // namespace mica::simd
