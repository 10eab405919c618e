// Integer matrix products, scalar: the definition that the other levels equal bit by bit. Not fast.
#include "files_of_weight_formats.hpp"
#include "gemm_epilogue_inl.hpp"
#include "own_table.hpp"
#include "pack.hpp"

namespace mica::simd {

namespace {

// The caches are of no account here; what a task is worth is not.
constexpr GemmGeometry kGeometry = {
    .stream_rows = 4, .stream_bytes_min = 128u << 10, .stream_bytes_max = 1u << 20, .block_panels = 2};

// sums[c] = sum over k of x[k] * w[c][k], the 16 channels of one panel.
template <PanelFormat kFormat>
void multiply(const int8_t* x, const uint8_t* panel, const int8_t* levels, size_t inputs, int32_t* sums) {
  constexpr size_t kInputs = PanelLayout<kFormat>::kBlockInputs, kGroup = kFactsOf<kFormat>.group;
  const uint8_t* block = panel + header_bytes<kFormat>(inputs);
  for (size_t c = 0; c < kPanelChannels; ++c) sums[c] = 0;
  for (size_t input = 0; input < inputs; input += kInputs, block += block_bytes<kFormat>())
    for (size_t c = 0; c < kPanelChannels; ++c) {
      int32_t sum = 0;
      for (size_t j = 0; j < kInputs; ++j) sum += weight_at<kFormat>(block, c, j, levels) * x[input + j];
      if constexpr (kGroup > 0) sum *= multiplier_at(panel + input / kGroup * kGroupBytes, c);
      sums[c] += sum;
    }
}

template <PanelFormat kFormat>
void gemm(const QuantizedRows& x, const PanelMatrix& weights, const Epilogue& epilogue, const FloatRows& dst,
          const GemmTile& tile) {
  const size_t inputs = padded_inputs(weights.inputs);
  const size_t panel_bytes = simd::panel_bytes(kFormat, weights.inputs);
  for (size_t panel = tile.panel_begin; panel < tile.panel_end; ++panel)
    for (size_t row = tile.row_begin; row < tile.row_end; ++row) {
      int32_t sums[kPanelChannels];
      multiply<kFormat>(x.values + row * x.stride, weights.panels + panel * panel_bytes, weights.levels, inputs, sums);
      for (size_t c = 0; c < kPanelChannels; ++c) {
        const size_t channel = panel * kPanelChannels + c;
        if (channel < weights.channels)
          store_value(dst, row, channel, epilogue_value(sums[c], epilogue, row, channel));
      }
    }
}

}  // namespace

extern const GemmKernels MICA_TABLE(gemm) = {
    .gemm_f32_s8 = {
#define MICA_WEIGHT_FORMAT(format, ...) gemm<PanelFormat::format>,
#include "weight_formats.inc"
    },
    .geometry = {
#define MICA_WEIGHT_FORMAT(...) kGeometry,
#include "weight_formats.inc"
    },
};

}  // namespace mica::simd
