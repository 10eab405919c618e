// The epilogue of the integer products a panel at a time, on the vectors of a level; the last channels one at a time.
// Not a product: sums come in exact. Everything here has internal linkage.
#pragma once

#include <vector.hpp>

#include "gemm_epilogue_inl.hpp"

namespace mica::simd {
namespace {

// 16 values of a row.
[[gnu::always_inline]] inline void store_panel(const FloatRows& dst, size_t row, size_t channel, F32* values) {
  float* out = dst.values + row * dst.stride + channel;
  for (size_t i = 0; i < kPanelChannels / F32::kWidth; ++i) {
    if (dst.accumulate) values[i] = F32::load(out + i * F32::kWidth) + values[i];
    values[i].store(out + i * F32::kWidth);
  }
}

// One row of a whole panel: `sums` holds 16 products, each too large by `excess`. kScaled: the epilogue has scales and
// nothing else.
template <bool kScaled>
[[gnu::always_inline]] inline void finish_row(const int32_t* sums, int32_t excess, const Epilogue& epilogue, size_t row,
                                              size_t channel, const FloatRows& dst) {
  constexpr size_t kVectors = kPanelChannels / F32::kWidth;
  F32 values[kVectors];
  const F32 row_scale = F32::all(of_row(epilogue.row_scale, row));
  for (size_t i = 0; i < kVectors; ++i) {
    const size_t at = channel + i * F32::kWidth;
    const F32 scale = F32::load(epilogue.channel_scale + at) * row_scale;
    values[i] = (S32::load(sums + i * S32::kWidth) - S32::all(excess)).to_float() * scale;
    if constexpr (kScaled) continue;
    if (epilogue.rank1_rows)
      values[i] = values[i] + F32::all(epilogue.rank1_rows[row]) * F32::load(epilogue.rank1_channels + at);
    if (epilogue.bias) values[i] = values[i] + F32::load(epilogue.bias + at);
    if (epilogue.multiplier) values[i] = values[i] * F32::load(epilogue.multiplier + at);
  }
  store_panel(dst, row, channel, values);
}

// The sums of a tile, [panel][row][16], panels `panel_stride` apart; each is too large by `offset` times the row's sum
// of activations (weights are kept unsigned where the processor wants them so).
struct TileSums {
  const int32_t* values;
  size_t panel_stride;
  int32_t offset;
};

// Whole panels, row by row, since rows of results lie in pages of their own. What it is given are copies, which no
// store can change, so that they stay in registers.
template <bool kScaled>
void finish_whole(TileSums sums, const int32_t* row_sums, const Epilogue epilogue, const FloatRows dst,
                  const GemmTile tile) {
  for (size_t row = tile.row_begin; row < tile.row_end; ++row, sums.values += kPanelChannels) {
    const int32_t excess = sums.offset * row_sums[row];
    const int32_t* values = sums.values;
#pragma GCC unroll 1
    for (size_t panel = tile.panel_begin; panel < tile.panel_end; ++panel, values += sums.panel_stride)
      finish_row<kScaled>(values, excess, epilogue, row, panel * kPanelChannels, dst);
  }
}

// The last panel, of fewer than 16 channels.
[[gnu::noinline]] void finish_part(const int32_t* values, int32_t offset, const int32_t* row_sums, size_t channels,
                                   const Epilogue& epilogue, const FloatRows& dst, const GemmTile& tile) {
  for (size_t row = tile.row_begin; row < tile.row_end; ++row, values += kPanelChannels)
    for (size_t channel = channels - channels % kPanelChannels; channel < channels; ++channel) {
      // Both may have wrapped; their difference has not.
      const auto sum = static_cast<int32_t>(static_cast<uint32_t>(values[channel % kPanelChannels]) -
                                            static_cast<uint32_t>(offset * row_sums[row]));
      store_value(dst, row, channel, epilogue_value(sum, epilogue, row, channel));
    }
}

// Out of line: inside of a product it would take that one's registers (a sixth of AVX2's four rows of 8-bit weights).
[[gnu::noinline]] void finish_tile(const TileSums& sums, const QuantizedRows& x, const PanelMatrix& weights,
                                   const Epilogue& epilogue, const FloatRows& dst, const GemmTile& tile) {
  const size_t whole_panels = weights.channels / kPanelChannels;
  GemmTile whole = tile;
  if (whole.panel_end > whole_panels) whole.panel_end = whole_panels;
  if (epilogue.rank1_rows || epilogue.bias || epilogue.multiplier)
    finish_whole<false>(sums, x.sums, epilogue, dst, whole);
  else
    finish_whole<true>(sums, x.sums, epilogue, dst, whole);
  if (whole.panel_end < tile.panel_end)
    finish_part(sums.values + (whole_panels - tile.panel_begin) * sums.panel_stride, sums.offset, x.sums,
                weights.channels, epilogue, dst, tile);
}

}  // namespace
}  // namespace mica::simd
