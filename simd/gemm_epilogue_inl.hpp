// The epilogue of the integer products: the order of operations that gemm_kernels.hpp promises, one channel at a
// time. Not whole panels: gemm_finish_inl.hpp. Included by each level, hence the unnamed namespace.
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

inline void store_value(const FloatRows& dst, size_t row, size_t channel, float value) {
  float* out = dst.values + row * dst.stride + channel;
  *out = dst.accumulate ? *out + value : value;
}

}  // namespace
}  // namespace mica::simd
