// The loops around every level's product: blocks of rows, panels and inputs that stay in the caches. Not arithmetic:
// a Core (one for each level and weight type) multiplies, gemm_epilogue_inl.hpp finishes. Included by each level.
#pragma once

#include "gemm_epilogue_inl.hpp"
#include "pack.hpp"

namespace mica::simd {
namespace {

// What a Core multiplies at once: `rows` rows times `panels` panels over `inputs` inputs (a multiple of kInputPadding).
struct Block {
  const int8_t* x;        // at the first row and input
  size_t x_stride;        // bytes
  size_t rows;            // 1 to Core::kRows
  const uint8_t* panels;  // of the first panel, at the first input
  size_t panel_stride;    // bytes
  size_t panel_count;     // 1 to Core::kPanels
  size_t inputs;          // kInputPadding to Core::kInputs
  bool first;             // of the inputs: sums hold nothing yet
  int32_t* sums;          // [panel][row][16], set or added to; panels are Core::kRows * 16 apart
};

constexpr size_t at_most(size_t value, size_t bound) { return value < bound ? value : bound; }

// Calls f.operator()<rows>(): `rows`, 1 to kMost, as a constant, so that a tile of rows stays in registers.
template <int kMost, class F>
void with_rows(size_t rows, const F& f) {
  if constexpr (kMost > 1) {
    if (rows < kMost) return with_rows<kMost - 1>(rows, f);
  }
  f.template operator()<kMost>();
}

// One to four rows: each panel is read once, from its first byte to its last, and prefetched.
template <class Core, class Isa, class Out>
void stream_rows(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue, const Out& dst,
                 const GemmTile& tile) {
  const size_t inputs = padded_inputs(weights.inputs);
  const size_t rows = tile.row_end - tile.row_begin;
  const int8_t* x_begin = x.values + tile.row_begin * x.stride;
  for (size_t panel = tile.panel_begin; panel < tile.panel_end; ++panel) {
    const uint8_t* bytes = weights.panels + panel * inputs * Core::kInputBytes;
    alignas(64) int32_t sums[4 * kPanelChannels];
    with_rows<4>(rows, [&]<int kRows>() { Core::template stream<kRows>(x_begin, x.stride, bytes, inputs, sums); });
    finish_tile<Isa>({sums, 0, Core::kOffset}, x, weights, epilogue, dst,
                     {tile.row_begin, tile.row_end, panel, panel + 1});
  }
}

// Where a block's results will go: each row's few lines lie in a page of their own, and come from memory meanwhile.
template <class Out>
void prefetch_block(const Out& dst, const GemmTile& tile, size_t channels) {
  const size_t begin = tile.panel_begin * kPanelChannels;
  const size_t end = at_most(tile.panel_end * kPanelChannels, channels);
  for (size_t row = tile.row_begin; row < tile.row_end; ++row)
    for (size_t channel = begin; channel < end; channel += 64 / sizeof(*dst.values))
      __builtin_prefetch(dst.values + row * dst.stride + channel, 1, 2);
}

// All inputs of a block of rows and panels, then its epilogue.
template <class Core, class Isa, class Out>
void multiply_rows(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue, const Out& dst,
                   const GemmTile& tile) {
  const size_t inputs = padded_inputs(weights.inputs);
  const size_t rows = tile.row_end - tile.row_begin;
  const size_t panel_bytes = inputs * Core::kInputBytes;
  const size_t panels = tile.panel_end - tile.panel_begin;
  alignas(64) int32_t sums[Core::kPanels * Core::kRows * kPanelChannels];
  prefetch_block(dst, tile, weights.channels);
  // Pieces of nearly the same length: a short one at the end would spend its time beginning.
  const size_t pieces = (inputs + Core::kInputs - 1) / Core::kInputs;
  const size_t step = (inputs / kInputPadding + pieces - 1) / pieces * kInputPadding;
  for (size_t input = 0; input < inputs; input += step) {
    Core::multiply({x.values + tile.row_begin * x.stride + input, x.stride, rows,
                    weights.panels + tile.panel_begin * panel_bytes + input * Core::kInputBytes, panel_bytes, panels,
                    at_most(inputs - input, step), input == 0, sums});
  }
  finish_tile<Isa>({sums, Core::kRows * kPanelChannels, Core::kOffset}, x, weights, epilogue, dst, tile);
}

// The whole tile, so that rows in the second-level cache meet all panels before the next rows.
template <class Core, class Isa, class Out>
void gemm(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue, const Out& dst,
          const GemmTile& tile) {
  if (tile.row_begin >= tile.row_end || tile.panel_begin >= tile.panel_end) return;
  if (tile.row_end - tile.row_begin <= 4) return stream_rows<Core, Isa>(x, weights, epilogue, dst, tile);
  for (size_t row = tile.row_begin; row < tile.row_end; row += Core::kRows)
    for (size_t panel = tile.panel_begin; panel < tile.panel_end; panel += Core::kPanels) {
      const GemmTile block = {row, at_most(row + Core::kRows, tile.row_end), panel,
                              at_most(panel + Core::kPanels, tile.panel_end)};
      multiply_rows<Core, Isa>(x, weights, epilogue, dst, block);
    }
}

// The table of a level: its cores for 4-bit and 8-bit weights and its float vectors.
template <class U4Core, class S8Core, class Isa>
constexpr GemmKernels kGemmKernels = {
    .gemm_f32_s8_u4 = gemm<U4Core, Isa, FloatRows>,
    .gemm_s8_s8_u4 = gemm<U4Core, Isa, Int8Rows>,
    .gemm_f32_s8_s8 = gemm<S8Core, Isa, FloatRows>,
    .gemm_s8_s8_s8 = gemm<S8Core, Isa, Int8Rows>,
};

}  // namespace
}  // namespace mica::simd
