// Integer matrix products, scalar: the definition that the other levels equal bit by bit. Not fast.
#include "gemm_epilogue_inl.hpp"
#include "pack.hpp"

namespace mica::simd {

namespace {

// sums[c] = sum over k of x[k] * w[c][k], the 16 channels of one panel.
void multiply_u4(const int8_t* x, const uint8_t* panel, size_t inputs, int32_t* sums) {
  for (size_t c = 0; c < kPanelChannels; ++c) sums[c] = 0;
  for (size_t input = 0; input < padded_inputs(inputs); input += 8, panel += 64)
    for (size_t c = 0; c < kPanelChannels; ++c)
      for (size_t j = 0; j < 4; ++j) {
        const int byte = panel[4 * c + j];
        sums[c] += ((byte & 15) - 8) * x[input + j] + ((byte >> 4) - 8) * x[input + 4 + j];
      }
}

void multiply_s8(const int8_t* x, const uint8_t* panel, size_t inputs, int32_t* sums) {
  for (size_t c = 0; c < kPanelChannels; ++c) sums[c] = 0;
  for (size_t input = 0; input < padded_inputs(inputs); input += 4, panel += 64)
    for (size_t c = 0; c < kPanelChannels; ++c)
      for (size_t j = 0; j < 4; ++j) sums[c] += static_cast<int8_t>(panel[4 * c + j]) * x[input + j];
}

template <auto kMultiply, auto kPanelBytes, class Out>
void gemm(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue, const Out& dst,
          const GemmTile& tile) {
  for (size_t panel = tile.panel_begin; panel < tile.panel_end; ++panel)
    for (size_t row = tile.row_begin; row < tile.row_end; ++row) {
      int32_t sums[kPanelChannels];
      kMultiply(x.values + row * x.stride, weights.panels + panel * kPanelBytes(weights.inputs), weights.inputs, sums);
      for (size_t c = 0; c < kPanelChannels; ++c) {
        const size_t channel = panel * kPanelChannels + c;
        if (channel < weights.channels)
          store_value(dst, row, channel, epilogue_value(sums[c], epilogue, row, channel));
      }
    }
}

}  // namespace

const GemmKernels gemm_kernels_scalar = {
    .gemm_f32_s8_u4 = gemm<multiply_u4, u4_panel_bytes, FloatRows>,
    .gemm_s8_s8_u4 = gemm<multiply_u4, u4_panel_bytes, Int8Rows>,
    .gemm_f32_s8_s8 = gemm<multiply_s8, s8_panel_bytes, FloatRows>,
    .gemm_s8_s8_s8 = gemm<multiply_s8, s8_panel_bytes, Int8Rows>,
};

}  // namespace mica::simd
