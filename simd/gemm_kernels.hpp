// Integer matrix products: int8 activations times packed 4-bit or 8-bit weights, with the epilogue that makes them
// activations again. Not packing (pack.hpp), and not threads: the caller names the tile.
//
// What is computed, for row m and output channel n of the tile, in exactly this order of operations, so that every
// level and every split into tiles gives the same bits, floats included (no fused multiply-add anywhere):
//
//   sum   = sum over k of x[m][k] * w[n][k]                 exact, int32
//   value = float(sum) * (channel_scale[n] * row_scale(m))
//   value = value + rank1_rows[m] * rank1_channels[n]       where rank1_rows is given
//   value = value + bias[n]                                 where bias is given
//   value = value * multiplier[n]                           where multiplier is given
//
//   to float:  dst[m][n] = value, or dst[m][n] + value
//   to int8:   dst[m][n] = round(clamp(value * inverse_scale(m), -127, 127)), ties to even; a NaN becomes -127
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

// Weights lie in panels of 16 output channels, each a whole number of 64-byte blocks (pack.hpp has sizes and layout).
inline constexpr size_t kPanelChannels = 16;
// Inputs are padded to a multiple of this, in weights and in activations.
inline constexpr size_t kInputPadding = 32;
// Beyond this many inputs an int32 sum of 8-bit products could overflow: 127 * 128 * 131072 < 2^31. With 4-bit weights
// (8 * 127 a product) the bound is 16 times this.
inline constexpr size_t kInputsMaxW8 = 131072;

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

// Quantized for the next layer. Each row's sum over the channels of this tile is added to sums[row]: start from zero;
// threads that share rows need arrays of their own, added afterwards (integers: any order gives the same).
struct Int8Rows {
  int8_t* values;
  size_t stride;          // bytes from row to row
  RowPair inverse_scale;  // 1 / scale of the next layer's activations
  int32_t* sums;
};

using GemmF32 = void (*)(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue,
                         const FloatRows& dst, const GemmTile& tile);
using GemmS8 = void (*)(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue,
                        const Int8Rows& dst, const GemmTile& tile);

// gemm_<dst>_<activations>_<weights>. A tile of one to four rows streams the weights once, with prefetch (decode); one
// of more rows is blocked for the caches: at best all rows by 4 panels or a multiple of it. Stack: 48 KB.
struct GemmKernels {
  GemmF32 gemm_f32_s8_u4;
  GemmS8 gemm_s8_s8_u4;
  GemmF32 gemm_f32_s8_s8;
  GemmS8 gemm_s8_s8_s8;
};

extern const GemmKernels gemm_kernels_scalar;
extern const GemmKernels gemm_kernels_avx2;
extern const GemmKernels gemm_kernels_avx512vnni;
extern const GemmKernels gemm_kernels_neon;
extern const GemmKernels gemm_kernels_neon_dotprod;

}  // namespace mica::simd
