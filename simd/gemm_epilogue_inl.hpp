// The epilogue of the integer products: the order of operations that gemm_kernels.hpp promises, one channel at a time
// and a panel at a time. Not a product: sums come in exact. Included by each level, hence the unnamed namespace.
#pragma once

#include "gemm_kernels.hpp"

namespace mica::simd {
namespace {

inline float of_row(const RowPair& pair, size_t row) { return row < pair.split ? pair.first : pair.second; }

inline float epilogue_value(int32_t sum, const Epilogue& epilogue, size_t row, size_t channel) {
  float value = static_cast<float>(sum) * (epilogue.channel_scale[channel] * of_row(epilogue.row_scale, row));
  if (epilogue.rank1_rows) value = value + epilogue.rank1_rows[row] * epilogue.rank1_channels[channel];
  if (epilogue.bias) value = value + epilogue.bias[channel];
  if (epilogue.multiplier) value = value * epilogue.multiplier[channel];
  return value;
}

inline int8_t quantize_value(float value, float inverse_scale) {
  value = value * inverse_scale;
  value = value > -127.0f ? value : -127.0f;  // false for a NaN too
  value = value < 127.0f ? value : 127.0f;
  return static_cast<int8_t>(__builtin_lrintf(value));  // in the default rounding mode: ties to even
}

inline void store_value(const FloatRows& dst, size_t row, size_t channel, float value) {
  float* out = dst.values + row * dst.stride + channel;
  *out = dst.accumulate ? *out + value : value;
}

inline void store_value(const Int8Rows& dst, size_t row, size_t channel, float value) {
  const int8_t quantized = quantize_value(value, of_row(dst.inverse_scale, row));
  dst.values[row * dst.stride + channel] = quantized;
  dst.sums[row] += quantized;
}

// 16 values of a row, in vectors of Isa::Float.
template <class Isa>
[[gnu::always_inline]] inline void store_panel(const FloatRows& dst, size_t row, size_t channel,
                                               typename Isa::Float* values) {
  float* out = dst.values + row * dst.stride + channel;
  for (size_t i = 0; i < kPanelChannels / Isa::kLanes; ++i) {
    if (dst.accumulate) values[i] = Isa::add(Isa::load(out + i * Isa::kLanes), values[i]);
    Isa::store(out + i * Isa::kLanes, values[i]);
  }
}

template <class Isa>
[[gnu::always_inline]] inline void store_panel(const Int8Rows& dst, size_t row, size_t channel,
                                               typename Isa::Float* values) {
  const auto inverse_scale = Isa::broadcast(of_row(dst.inverse_scale, row));
  for (size_t i = 0; i < kPanelChannels / Isa::kLanes; ++i) values[i] = Isa::mul(values[i], inverse_scale);
  dst.sums[row] += Isa::store_quantized(dst.values + row * dst.stride + channel, values);
}

// One row of a whole panel: `sums` holds 16 products, each too large by `excess`. kScaled: the epilogue has scales and
// nothing else.
template <class Isa, bool kScaled, class Out>
[[gnu::always_inline]] inline void finish_row(const int32_t* sums, int32_t excess, const Epilogue& epilogue, size_t row,
                                              size_t channel, const Out& dst) {
  constexpr size_t kVectors = kPanelChannels / Isa::kLanes;
  typename Isa::Float values[kVectors];
  const auto row_scale = Isa::broadcast(of_row(epilogue.row_scale, row));
  for (size_t i = 0; i < kVectors; ++i) {
    const size_t at = channel + i * Isa::kLanes;
    const auto scale = Isa::mul(Isa::load(epilogue.channel_scale + at), row_scale);
    values[i] = Isa::mul(Isa::to_float(sums + i * Isa::kLanes, excess), scale);
    if constexpr (kScaled) continue;
    if (epilogue.rank1_rows)
      values[i] = Isa::add(values[i], Isa::mul(Isa::broadcast(epilogue.rank1_rows[row]),
                                               Isa::load(epilogue.rank1_channels + at)));
    if (epilogue.bias) values[i] = Isa::add(values[i], Isa::load(epilogue.bias + at));
    if (epilogue.multiplier) values[i] = Isa::mul(values[i], Isa::load(epilogue.multiplier + at));
  }
  store_panel<Isa>(dst, row, channel, values);
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
template <class Isa, bool kScaled, class Out>
void finish_whole(TileSums sums, const int32_t* row_sums, const Epilogue epilogue, const Out dst, const GemmTile tile) {
  for (size_t row = tile.row_begin; row < tile.row_end; ++row, sums.values += kPanelChannels) {
    const int32_t excess = sums.offset * row_sums[row];
    const int32_t* values = sums.values;
#pragma GCC unroll 1
    for (size_t panel = tile.panel_begin; panel < tile.panel_end; ++panel, values += sums.panel_stride)
      finish_row<Isa, kScaled>(values, excess, epilogue, row, panel * kPanelChannels, dst);
  }
}

// The last panel, of fewer than 16 channels.
template <class Out>
[[gnu::noinline]] void finish_part(const int32_t* values, int32_t offset, const int32_t* row_sums, size_t channels,
                                   const Epilogue& epilogue, const Out& dst, const GemmTile& tile) {
  for (size_t row = tile.row_begin; row < tile.row_end; ++row, values += kPanelChannels)
    for (size_t channel = channels - channels % kPanelChannels; channel < channels; ++channel) {
      // Both may have wrapped; their difference has not.
      const auto sum = static_cast<int32_t>(static_cast<uint32_t>(values[channel % kPanelChannels]) -
                                            static_cast<uint32_t>(offset * row_sums[row]));
      store_value(dst, row, channel, epilogue_value(sum, epilogue, row, channel));
    }
}

template <class Isa, class Out>
void finish_tile(const TileSums& sums, const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue,
                 const Out& dst, const GemmTile& tile) {
  const size_t whole_panels = weights.channels / kPanelChannels;
  GemmTile whole = tile;
  if (whole.panel_end > whole_panels) whole.panel_end = whole_panels;
  if (epilogue.rank1_rows || epilogue.bias || epilogue.multiplier)
    finish_whole<Isa, false>(sums, x.sums, epilogue, dst, whole);
  else
    finish_whole<Isa, true>(sums, x.sums, epilogue, dst, whole);
  if (whole.panel_end < tile.panel_end)
    finish_part(sums.values + (whole_panels - tile.panel_begin) * sums.panel_stride, sums.offset, x.sums,
                weights.channels, epilogue, dst, tile);
}

}  // namespace
}  // namespace mica::simd
