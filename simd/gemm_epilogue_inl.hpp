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
[[gnu::always_inline]] inline void store_panel(const FloatRows& dst, size_t row, size_t channel, typename Isa::Float* values) {
  float* out = dst.values + row * dst.stride + channel;
  for (size_t i = 0; i < kPanelChannels / Isa::kLanes; ++i) {
    if (dst.accumulate) values[i] = Isa::add(Isa::load(out + i * Isa::kLanes), values[i]);
    Isa::store(out + i * Isa::kLanes, values[i]);
  }
}

template <class Isa>
[[gnu::always_inline]] inline void store_panel(const Int8Rows& dst, size_t row, size_t channel, typename Isa::Float* values) {
  const auto inverse_scale = Isa::broadcast(of_row(dst.inverse_scale, row));
  for (size_t i = 0; i < kPanelChannels / Isa::kLanes; ++i) values[i] = Isa::mul(values[i], inverse_scale);
  dst.sums[row] += Isa::store_quantized(dst.values + row * dst.stride + channel, values);
}

// One row of a whole panel: `sums` holds 16 products, each too large by `excess`.
template <class Isa, class Out>
[[gnu::always_inline]] inline void finish_row(const int32_t* sums, int32_t excess, const Epilogue& epilogue, size_t row, size_t channel,
                const Out& dst) {
  constexpr size_t kVectors = kPanelChannels / Isa::kLanes;
  typename Isa::Float values[kVectors];
  const auto row_scale = Isa::broadcast(of_row(epilogue.row_scale, row));
  for (size_t i = 0; i < kVectors; ++i) {
    const size_t at = channel + i * Isa::kLanes;
    const auto scale = Isa::mul(Isa::load(epilogue.channel_scale + at), row_scale);
    values[i] = Isa::mul(Isa::to_float(sums + i * Isa::kLanes, excess), scale);
    if (epilogue.rank1_rows)
      values[i] = Isa::add(values[i], Isa::mul(Isa::broadcast(epilogue.rank1_rows[row]),
                                               Isa::load(epilogue.rank1_channels + at)));
    if (epilogue.bias) values[i] = Isa::add(values[i], Isa::load(epilogue.bias + at));
    if (epilogue.multiplier) values[i] = Isa::mul(values[i], Isa::load(epilogue.multiplier + at));
  }
  store_panel<Isa>(dst, row, channel, values);
}

// Rows [row_begin, row_begin + rows) of one panel from their sums, [rows][16]; each sum is too large by `offset` times
// the row's sum of activations (weights are kept unsigned where the processor wants them so).
template <class Isa, class Out>
void finish_panel(const int32_t* sums, int32_t offset, const QuantizedRows& x, size_t row_begin, size_t rows,
                  const PanelMatrix& weights, size_t panel, const Epilogue& epilogue, const Out& dst) {
  const size_t channel = panel * kPanelChannels;
  const size_t channels = weights.channels - channel < kPanelChannels ? weights.channels - channel : kPanelChannels;
  for (size_t r = 0; r < rows; ++r, sums += kPanelChannels) {
    const size_t row = row_begin + r;
    const int32_t excess = offset * x.sums[row];
    if (channels == kPanelChannels) {
      finish_row<Isa>(sums, excess, epilogue, row, channel, dst);
      continue;
    }
    for (size_t c = 0; c < channels; ++c) {
      // Both may have wrapped; their difference has not.
      const auto sum = static_cast<int32_t>(static_cast<uint32_t>(sums[c]) - static_cast<uint32_t>(excess));
      store_value(dst, row, channel + c, epilogue_value(sum, epilogue, row, channel + c));
    }
  }
}

}  // namespace
}  // namespace mica::simd
