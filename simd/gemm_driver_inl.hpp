// The loops around every level's product: blocks of rows, panels and inputs that stay in the caches. Not arithmetic:
// a Core multiplies, gemm_finish_inl.hpp finishes.
#pragma once

#include "files_of_weight_formats.hpp"
#include "gemm_finish_inl.hpp"
#include "pack.hpp"

namespace mica::simd {
namespace {

// What a Core multiplies at once: `rows` rows times `panels` panels over `inputs` inputs (a multiple of kInputPadding;
// where the format has groups, of a group, but for the last inputs).
struct Block {
  const int8_t* x;        // at the first row and input
  size_t x_stride;        // bytes
  size_t rows;            // 1 to Core::kRows
  const uint8_t* panels;  // the blocks of the first panel, at the first input
  size_t panel_stride;    // bytes
  size_t panel_count;     // 1 to Core::kPanels
  size_t inputs;          // kInputPadding to Core::kInputs
  bool first;             // of the inputs: sums hold nothing yet
  int32_t* sums;          // [panel][row][16], set or added to; panels are Core::kRows * 16 apart
  const uint8_t* multipliers;  // of the first panel, at the first input's group; of formats with groups
  const int8_t* levels;        // of formats that have them
};

// What a Core reads from its first byte to its last: a panel.
struct PanelStream {
  const uint8_t* blocks;
  const uint8_t* multipliers;  // these two as those of Block
  const int8_t* levels;
  const int32_t* notes;        // of the first row (below), rows are kRowNotes<Core> apart; of Cores that take them
};

// Bytes of a panel's blocks an input.
template <PanelFormat kFormat>
constexpr size_t kInputBytes = block_bytes<kFormat>() / PanelLayout<kFormat>::kBlockInputs;
template <PanelFormat kFormat>
constexpr size_t panel_bytes_of(size_t inputs) {
  return header_bytes<kFormat>(inputs) + inputs * kInputBytes<kFormat>;
}
// Inputs before `input` are whole groups.
template <PanelFormat kFormat>
const uint8_t* multipliers_at(const uint8_t* panel, size_t input) {
  constexpr size_t kGroup = kFactsOf<kFormat>.group;
  if constexpr (kGroup == 0) return nullptr;
  else return panel + input / kGroup * kGroupBytes;
}

constexpr size_t at_most(size_t value, size_t bound) { return value < bound ? value : bound; }

template <PanelFormat kFormat>
struct LevelCore;

// Calls f.operator()<rows>(): `rows`, 1 to kMost, as a constant, so that a tile of rows stays in registers.
template <int kMost, class F>
void with_rows(size_t rows, const F& f) {
  if constexpr (kMost > 1) {
    if (rows < kMost) return with_rows<kMost - 1>(rows, f);
  }
  f.template operator()<kMost>();
}

// Formats that a level has no product of its own for: their panels become those of 8 bits, part by part, and the
// level's product of these multiplies. Decode then reads as few bytes as the format has, but computes as for 8 bits.
template <PanelFormat kFormat, PanelFormat kWide = PanelFormat::s8>
struct UnpackedCore {
  static_assert(kFactsOf<kFormat>.group == 0, "multipliers need a product that has them");
  using Wide = LevelCore<kWide>;
  static constexpr int32_t kOffset = Wide::kOffset;
  static constexpr GemmGeometry kGeometry = Wide::kGeometry;
  static constexpr size_t kRows = Wide::kRows, kPanels = Wide::kPanels, kInputs = Wide::kInputs;

  static void unpack(uint8_t* to, const uint8_t* blocks, const int8_t* levels, size_t inputs) {
    using From = PanelLayout<kFormat>;
    using To = PanelLayout<kWide>;
    for (size_t input = 0; input < inputs; ++input)
      for (size_t c = 0; c < kPanelChannels; ++c)
        To::put(to + input / To::kBlockInputs * block_bytes<kWide>(), c, input % To::kBlockInputs,
                weight_at<kFormat>(blocks + input / From::kBlockInputs * block_bytes<kFormat>(), c,
                                   input % From::kBlockInputs, levels));
  }

  static void multiply(Block block) {
    alignas(64) uint8_t wide[kPanels][kInputs * kInputBytes<kWide>];
    for (size_t panel = 0; panel < block.panel_count; ++panel)
      unpack(wide[panel], block.panels + panel * block.panel_stride, block.levels, block.inputs);
    block.panels = wide[0];
    block.panel_stride = sizeof wide[0];
    Wide::multiply(block);
  }

  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& panel, size_t inputs, int32_t* sums) {
    alignas(64) uint8_t wide[kInputs * kInputBytes<kWide>];
    alignas(64) int32_t part[kStreamRows * kPanelChannels];
    for (size_t i = 0; i < kStreamRows * kPanelChannels; ++i) sums[i] = 0;
    for (size_t input = 0; input < inputs; input += kInputs) {
      unpack(wide, panel.blocks + input * kInputBytes<kFormat>, panel.levels, at_most(inputs - input, kInputs));
      const size_t count = at_most(inputs - input, kInputs);
      Wide::template stream<kStreamRows>(x + input, x_stride, {wide, nullptr, nullptr, nullptr}, count, part);
      for (size_t i = 0; i < kStreamRows * kPanelChannels; ++i) sums[i] += part[i];
    }
  }
};

// How a level multiplies panels of a format; it specializes this where it has a product of its own, with the members
// of UnpackedCore. For 8 bits each must.
template <PanelFormat kFormat>
struct LevelCore : UnpackedCore<kFormat> {};

// Integers that a Core notes of a row before panels are streamed past it: kGroupNotes for each group of inputs, perhaps
// of four groups at a time.
template <class Core>
constexpr size_t kRowNotes = 0;
template <class Core>
  requires(Core::kGroupNotes > 0)
constexpr size_t kRowNotes<Core> = (inputs_max(Core::kFormat) / Core::kGroup + 4) / 4 * 4 * Core::kGroupNotes;

// Few rows: each panel is read once, from its first byte to its last, and prefetched.
template <PanelFormat kFormat>
void stream_rows(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue, const FloatRows& dst,
                 const GemmTile& tile) {
  using Core = LevelCore<kFormat>;
  constexpr int kRowsMax = Core::kGeometry.stream_rows;
  const size_t inputs = padded_inputs(weights.inputs);
  const size_t rows = tile.row_end - tile.row_begin;
  const int8_t* x_begin = x.values + tile.row_begin * x.stride;
  constexpr size_t kNotes = kRowNotes<Core>;
  int32_t notes[kNotes > 0 ? kRowsMax * kNotes : 1];
  if constexpr (kNotes > 0)
    for (size_t row = 0; row < rows; ++row) Core::note_row(notes + row * kNotes, x_begin + row * x.stride, inputs);
  for (size_t panel = tile.panel_begin; panel < tile.panel_end; ++panel) {
    const uint8_t* bytes = weights.panels + panel * panel_bytes_of<kFormat>(inputs);
    const PanelStream from = {bytes + header_bytes<kFormat>(inputs), multipliers_at<kFormat>(bytes, 0), weights.levels,
                              notes};
    alignas(64) int32_t sums[kRowsMax * kPanelChannels];
    with_rows<kRowsMax>(
        rows, [&]<int kRows>() { Core::template stream<kRows>(x_begin, x.stride, from, inputs, sums); });
    finish_tile({sums, 0, Core::kOffset}, x, weights, epilogue, dst,
                     {tile.row_begin, tile.row_end, panel, panel + 1});
  }
}

// Where a block's results will go: each row's few lines lie in a page of their own, and come from memory meanwhile.
inline void prefetch_block(const FloatRows& dst, const GemmTile& tile, size_t channels) {
  const size_t begin = tile.panel_begin * kPanelChannels;
  const size_t end = at_most(tile.panel_end * kPanelChannels, channels);
  for (size_t row = tile.row_begin; row < tile.row_end; ++row)
    for (size_t channel = begin; channel < end; channel += 64 / sizeof(*dst.values))
      __builtin_prefetch(dst.values + row * dst.stride + channel, 1, 2);
}

// All inputs of a block of rows and panels, then its epilogue.
template <PanelFormat kFormat>
void multiply_rows(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue, const FloatRows& dst,
                   const GemmTile& tile) {
  using Core = LevelCore<kFormat>;
  const size_t inputs = padded_inputs(weights.inputs);
  const size_t rows = tile.row_end - tile.row_begin;
  const size_t panel_bytes = panel_bytes_of<kFormat>(inputs);
  const size_t panels = tile.panel_end - tile.panel_begin;
  alignas(64) int32_t sums[Core::kPanels * Core::kRows * kPanelChannels];
  prefetch_block(dst, tile, weights.channels);
  // Pieces of nearly the same length: a short one at the end would spend its time beginning.
  constexpr size_t kUnit = kFactsOf<kFormat>.group > 0 ? kFactsOf<kFormat>.group : kInputPadding;
  static_assert(Core::kInputs % kUnit == 0);
  const size_t pieces = (inputs + Core::kInputs - 1) / Core::kInputs;
  const size_t step = ((inputs + kUnit - 1) / kUnit + pieces - 1) / pieces * kUnit;
  const uint8_t* first_panel = weights.panels + tile.panel_begin * panel_bytes;
  for (size_t input = 0; input < inputs; input += step) {
    Core::multiply({x.values + tile.row_begin * x.stride + input, x.stride, rows,
                    first_panel + header_bytes<kFormat>(inputs) + input * kInputBytes<kFormat>, panel_bytes, panels,
                    at_most(inputs - input, step), input == 0, sums, multipliers_at<kFormat>(first_panel, input),
                    weights.levels});
  }
  finish_tile({sums, Core::kRows * kPanelChannels, Core::kOffset}, x, weights, epilogue, dst, tile);
}

// The whole tile, so that rows in the second-level cache meet all panels before the next rows.
template <PanelFormat kFormat>
void gemm(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue, const FloatRows& dst,
          const GemmTile& tile) {
  using Core = LevelCore<kFormat>;
  if (tile.row_begin >= tile.row_end || tile.panel_begin >= tile.panel_end) return;
  if (tile.row_end - tile.row_begin <= Core::kGeometry.stream_rows)
    return stream_rows<kFormat>(x, weights, epilogue, dst, tile);
  for (size_t row = tile.row_begin; row < tile.row_end; row += Core::kRows)
    for (size_t panel = tile.panel_begin; panel < tile.panel_end; panel += Core::kPanels) {
      const GemmTile block = {row, at_most(row + Core::kRows, tile.row_end), panel,
                              at_most(panel + Core::kPanels, tile.panel_end)};
      multiply_rows<kFormat>(x, weights, epilogue, dst, block);
    }
}

}  // namespace
}  // namespace mica::simd
