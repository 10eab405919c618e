// Int8 activations times weights of 8 bits and fewer with vpdpbusd, as wide as a level has it. Not the loops around it:
// gemm_driver_inl.hpp; not how a level unpacks: its vnni_tile_inl.hpp.
//
// vpdpbusd multiplies unsigned by signed bytes, and takes the signed ones, four activations, as a broadcast from
// memory. So weights are made unsigned: u = w + 8, w + 11, w + 21 or w + 128. The epilogue takes off the excess; where groups
// of inputs have multipliers, the sums of a group begin below zero by it.
//
// What a level gives in vnni_tile_inl.hpp, beside dots_inl.hpp:
//   struct DotTile                                   kRows by two vectors of sums fill the registers; up to kStreamRows
//                                                    rows are streamed, into about kStreamSums sums; a block of
//                                                    kBlockPanels by kBlockInputs stays in a level 1 cache, through
//                                                    which the sums of kBlockRows pass
//   FourGroups<group, offset>(inputs).note(to, x)    to[0, 4) = -offset times the sums of x's next groups
//   load_multipliers(group, part)                    a lane a channel, of vector `part` of a panel
//   Weights(levels, offset).unpack(block, part, to)  unsigned bytes, [channel][4 inputs] each, of vector `part`
#pragma once

#include <dots_inl.hpp>
#include <vector.hpp>
#include <vnni_tile_inl.hpp>

#include "avx2/gemm_stream_inl.hpp"
#include "gemm_driver_inl.hpp"

namespace mica::simd {
namespace {

// Vectors of sums that a panel's channels make.
constexpr int kPanelVectors = kPanelChannels / kLanes;

constexpr GemmGeometry kVnniGeometry = {.stream_rows = DotTile::kStreamRows,
                                        .stream_bytes_min = kX86Geometry.stream_bytes_min,
                                        .stream_bytes_max = kX86Geometry.stream_bytes_max,
                                        .block_panels = kX86Geometry.block_panels};

template <class Weights>
struct Vnni {
  static constexpr PanelFormat kFormat = Weights::kFormat;
  static constexpr size_t kGroup = kFactsOf<kFormat>.group;
  static constexpr bool kGrouped = kGroup > 0;
  static constexpr int kVectors = Weights::kVectors;
  static constexpr size_t kBlock = block_bytes<kFormat>();
  static constexpr int kUnsigned = kUnsignedBy<kFormat>;        // added to weights
  static constexpr int32_t kOffset = kGrouped ? 0 : kUnsigned;  // what the epilogue has to take off
  static constexpr GemmGeometry kGeometry = kVnniGeometry;
  static constexpr size_t kRows = DotTile::kBlockRows, kPanels = DotTile::kBlockPanels, kInputs = DotTile::kBlockInputs;
  static constexpr int kTileRows = DotTile::kRows, kTilePanels = 2 / kPanelVectors;
  // Inputs that are summed before they meet a multiplier, and how many such runs there are.
  static constexpr size_t kRun = kGrouped ? kGroup : kInputs, kRuns = kInputs / kRun;
  using Groups = FourGroups<kRun, kUnsigned>;

  // A panel, ready to be multiplied.
  struct Unpacked {
    alignas(64) uint8_t weights[kInputs * kPanelChannels];   // [4 inputs][channel][4]
    alignas(64) int32_t multipliers[kRuns][kPanelChannels];  // of formats with groups
  };

  // While one part of a panel is unpacked, the next comes from memory.
  static void unpack(Unpacked* to, const Block& block, size_t panel) {
    const Weights unpacking(block.levels, kUnsigned);
    const uint8_t* from = block.panels + panel * block.panel_stride;
    uint8_t* out = to->weights;
    for (size_t input = 0; input < block.inputs; input += 4 * kVectors, from += kBlock, out += 64 * kVectors) {
      for (size_t line = 0; line < kBlock; line += 64)
        _mm_prefetch(reinterpret_cast<const char*>(from + block.inputs * kInputBytes<kFormat> + line), _MM_HINT_T1);
      for (size_t part = 0; part < kPanelVectors; ++part) {
        Lanes unpacked[kVectors];
        unpacking.unpack(from, part, unpacked);
        for (int i = 0; i < kVectors; ++i) store_lanes(out + 64 * i + part * sizeof(Lanes), unpacked[i]);
      }
    }
    if constexpr (kGrouped)
      for (size_t input = 0; input < block.inputs; input += kGroup)
        for (size_t part = 0; part < kPanelVectors; ++part)
          store_lanes(
              to->multipliers[input / kGroup] + part * kLanes,
              load_multipliers(block.multipliers + panel * block.panel_stride + input / kGroup * kGroupBytes, part));
  }

  // The sums of vector `vector` of a tile.
  static int32_t* sums_at(int32_t* sums, int row, int vector) {
    return sums + (static_cast<size_t>(vector / kPanelVectors) * kRows + static_cast<size_t>(row)) * kPanelChannels +
           vector % kPanelVectors * kLanes;
  }

  // Up to kTileRows rows by kTileVectors vectors of channels. `excess`: of each row's groups, as note_row makes it; with
  // groups the registers hold a group's sums, and all others pass through the cache.
  template <int kRowCount, int kTileVectors>
  [[gnu::noinline]] static void multiply_tile(const int8_t* x, size_t x_stride, const Unpacked* unpacked, size_t inputs,
                                              bool first, int32_t* sums, [[maybe_unused]] const int32_t* excess) {
    const uint8_t* weights = unpacked->weights;
    for (size_t run = 0; run < inputs; run += kRun) {
      Lanes totals[kTileVectors][kRowCount];
#pragma GCC unroll 2
      for (int vector = 0; vector < kTileVectors; ++vector)
#pragma GCC unroll 12
        for (int row = 0; row < kRowCount; ++row)
          totals[vector][row] = kGrouped ? all_lanes(excess[static_cast<size_t>(row) * kRuns + run / kRun])
                                : first  ? all_lanes(0)
                                         : load_lanes(sums_at(sums, row, vector));
      for (const int8_t* end = x + at_most(inputs - run, kRun); x < end; x += 4, weights += 64) {
        Lanes w[kTileVectors];
#pragma GCC unroll 2
        for (int vector = 0; vector < kTileVectors; ++vector)
          w[vector] =
              load_lanes(weights + vector / kPanelVectors * sizeof(Unpacked) + vector % kPanelVectors * sizeof(Lanes));
#pragma GCC unroll 12
        for (int row = 0; row < kRowCount; ++row) {
          const Lanes x4 = four_bytes(x + row * x_stride);
#pragma GCC unroll 2
          for (int vector = 0; vector < kTileVectors; ++vector) {
            totals[vector][row] = add_dots(totals[vector][row], w[vector], x4);
            hold(totals[vector][row]);
          }
        }
      }
#pragma GCC unroll 2
      for (int vector = 0; vector < kTileVectors; ++vector) {
        Lanes by = {};
        if constexpr (kGrouped)
          by = load_lanes(unpacked[vector / kPanelVectors].multipliers[run / kRun] + vector % kPanelVectors * kLanes);
#pragma GCC unroll 12
        for (int row = 0; row < kRowCount; ++row) {
          int32_t* to = sums_at(sums, row, vector);
          if constexpr (kGrouped) totals[vector][row] = multiply_lanes(totals[vector][row], by);
          store_lanes(to, kGrouped && !first ? add_lanes(load_lanes(to), totals[vector][row]) : totals[vector][row]);
        }
      }
      // Else GCC would keep copies of these sums on the stack for the next run.
      if constexpr (kGrouped) asm volatile("" ::: "memory");
      first = false;
    }
  }

  static void multiply(const Block& block) {
    Unpacked unpacked[kPanels];
    alignas(64) int32_t excess[kTileRows][kRuns < 4 ? 4 : kRuns];
    for (size_t panel = 0; panel < block.panel_count; ++panel) unpack(unpacked + panel, block, panel);
    for (size_t row = 0; row < block.rows; row += kTileRows) {
      const size_t rows = at_most(block.rows - row, kTileRows);
      const int8_t* x = block.x + row * block.x_stride;
      for (size_t r = 0; r < rows; ++r) {
        for (size_t input = 0; input < block.inputs; input += 64)
          _mm_prefetch(reinterpret_cast<const char*>(x + (kTileRows + r) * block.x_stride + input), _MM_HINT_T0);
        if constexpr (kGrouped) note_row(excess[r], x + r * block.x_stride, block.inputs);
      }
      for (size_t panel = 0; panel < block.panel_count; panel += kTilePanels)
        with_rows<kTileRows>(rows, [&]<int kRowCount>() {
          const auto tile = panel + kTilePanels <= block.panel_count ? multiply_tile<kRowCount, 2>
                                                                     : multiply_tile<kRowCount, kPanelVectors>;
          tile(x, block.x_stride, unpacked + panel, block.inputs, block.first,
               block.sums + (panel * kRows + row) * kPanelChannels, excess[0]);
        });
    }
  }

  // What the sums of a row's groups have to begin with, since its activations meet unsigned weights: an integer each.
  static constexpr size_t kGroupNotes = kGrouped ? 1 : 0;
  static void note_row(int32_t* to, const int8_t* x, size_t inputs) {
    for (size_t input = 0; input < inputs; input += 4 * kGroup, to += 4) Groups(inputs - input).note(to, x + input);
  }

  // Few rows straight from the packed panel. Chains of additions, so that none waits for another: as many as there are
  // registers for, up to four a row.
  template <int kStreamRows>
  static void stream(const int8_t* x, size_t x_stride, const PanelStream& from, size_t inputs, int32_t* sums) {
    constexpr int kFit = DotTile::kStreamSums / (kStreamRows * kPanelVectors);
    constexpr int kChains = kFit >= 4 && !kGrouped ? 4 : kFit >= 2 ? 2 : 1;
    constexpr int kStepVectors = kVectors > 4 ? kVectors : 4;
    const Weights unpacking(from.levels, kUnsigned);
    const uint8_t* panel = from.blocks;
    if constexpr (kGrouped) prefetch_header(from);
    const int8_t* const x_end = x + inputs;
    Lanes totals[kStreamRows][kPanelVectors];
#pragma GCC unroll 8
    for (int row = 0; row < kStreamRows; ++row)
      for (int part = 0; part < kPanelVectors; ++part) totals[row][part] = all_lanes(0);
    for (size_t run = 0; x < x_end; ++run) {
      Lanes chains[kStreamRows][kPanelVectors][kChains];
#pragma GCC unroll 8
      for (int row = 0; row < kStreamRows; ++row)
#pragma GCC unroll 2
        for (int part = 0; part < kPanelVectors; ++part)
#pragma GCC unroll 4
          for (int chain = 0; chain < kChains; ++chain)
            chains[row][part][chain] =
                all_lanes(kGrouped && chain == 0 ? from.notes[row * static_cast<int>(kRowNotes<Vnni>) + run] : 0);
      const int8_t* const end = kGrouped ? x + at_most(static_cast<size_t>(x_end - x), kGroup) : x_end;
      for (; x < end; x += 4 * kStepVectors)
#pragma GCC unroll 4
        for (int chain = 0; chain < kStepVectors; chain += kVectors, panel += kBlock) {
          for (size_t line = 0; line < kBlock; line += 64) prefetch_stream(panel + line);
#pragma GCC unroll 2
          for (int part = 0; part < kPanelVectors; ++part) {
            Lanes w[kVectors];
            unpacking.unpack(panel, static_cast<size_t>(part), w);
#pragma GCC unroll 8
            for (int i = 0; i < kVectors; ++i)
#pragma GCC unroll 8
              for (int row = 0; row < kStreamRows; ++row) {
                Lanes& total = chains[row][part][(chain + i) % kChains];
                total = add_dots(total, w[i], four_bytes(x + row * x_stride + 4 * (chain + i)));
              }
          }
        }
#pragma GCC unroll 2
      for (int part = 0; part < kPanelVectors; ++part) {
        Lanes by = {};
        if constexpr (kGrouped) by = load_multipliers(from.multipliers + run * kGroupBytes, static_cast<size_t>(part));
#pragma GCC unroll 8
        for (int row = 0; row < kStreamRows; ++row) {
          Lanes sum = chains[row][part][0];
          for (int chain = 1; chain < kChains; ++chain) sum = add_lanes(sum, chains[row][part][chain]);
          totals[row][part] = kGrouped ? add_lanes(totals[row][part], multiply_lanes(sum, by)) : sum;
        }
      }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kStreamRows; ++row)
      for (int part = 0; part < kPanelVectors; ++part)
        store_lanes(sums + row * kPanelChannels + part * kLanes, totals[row][part]);
  }
};

template <>
struct LevelCore<PanelFormat::u4> : Vnni<NibbleWeights> {};
template <>
struct LevelCore<PanelFormat::s8> : Vnni<ByteWeights> {};
template <>
struct LevelCore<PanelFormat::t4> : Vnni<LevelWeights> {};
template <>
struct LevelCore<PanelFormat::t3> : Vnni<ThreeBitWeights> {};
template <>
struct LevelCore<PanelFormat::p2> : Vnni<PairWeights> {};
template <>
struct LevelCore<PanelFormat::e8p> : Vnni<LatticeWeights> {};

}  // namespace
}  // namespace mica::simd
