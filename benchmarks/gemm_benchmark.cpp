// Integer matrix products at every level that runs here; items are multiply-adds. Whole layers in one call: threads and
// tasks are the ops' (`mica bench --kernels`).
#include "level_benchmark.hpp"
#include "pack.hpp"

namespace {

using namespace mica;
using simd::Kernels;

struct LayerShape {
  size_t rows, channels, inputs;
  std::string text() const {
    return std::to_string(rows) + "x" + std::to_string(channels) + "x" + std::to_string(inputs);
  }
  size_t items() const { return rows * channels * inputs; }
};

struct LayerData {
  explicit LayerData(const LayerShape& shape)
      : panels(buffer<uint8_t>(simd::s8_bytes(shape.inputs, shape.channels))),
        x(buffer<int8_t>(shape.rows * simd::padded_inputs(shape.inputs))),
        quantized(buffer<int8_t>(shape.rows * shape.channels)),
        x_sums(buffer<int32_t>(shape.rows)),
        sums(buffer<int32_t>(shape.rows)),
        scale(floats(shape.channels)),
        out(floats(shape.rows * shape.channels)),
        rows{x.get(), simd::padded_inputs(shape.inputs), x_sums.get()},
        weights{panels.get(), shape.inputs, shape.channels},
        epilogue{.channel_scale = scale.get(), .row_scale = {shape.rows / 2, 0.01f, 0.02f}},
        to_float{out.get(), shape.channels, false},
        to_int8{quantized.get(), shape.channels, {shape.rows / 2, 50.0f, 60.0f}, sums.get()},
        tile{0, shape.rows, 0, simd::panel_count(shape.channels)} {
    for (size_t i = 0; i < shape.rows * rows.stride; ++i) x[i] = static_cast<int8_t>(i % 255 - 127);
    for (size_t row = 0; row < shape.rows; ++row) sums[row] = 0;
  }

  Buffer<uint8_t> panels;  // as many bytes as 8-bit weights take; 4-bit ones read half of them
  Buffer<int8_t> x, quantized;
  Buffer<int32_t> x_sums, sums;
  Buffer<float> scale, out;
  simd::QuantizedRows rows;
  simd::PanelMatrix weights;
  simd::Epilogue epilogue;
  simd::FloatRows to_float;
  simd::Int8Rows to_int8;
  simd::GemmTile tile;
};

using Data = LayerData;
const std::vector<KernelLine<Data>> kLines = {
    {"gemm_f32_s8_u4",
     [](const Kernels& k, Data& d) { k.gemm->gemm_f32_s8_u4(d.rows, d.weights, d.epilogue, d.to_float, d.tile); }},
    {"gemm_s8_s8_u4",
     [](const Kernels& k, Data& d) { k.gemm->gemm_s8_s8_u4(d.rows, d.weights, d.epilogue, d.to_int8, d.tile); }},
    {"gemm_f32_s8_s8",
     [](const Kernels& k, Data& d) { k.gemm->gemm_f32_s8_s8(d.rows, d.weights, d.epilogue, d.to_float, d.tile); }},
    {"gemm_s8_s8_s8",
     [](const Kernels& k, Data& d) { k.gemm->gemm_s8_s8_s8(d.rows, d.weights, d.epilogue, d.to_int8, d.tile); }},
};

// {channels, inputs} of the default model, of Qwen2-VL-2B (q and o, k and v, gate and up, down, tower) and of 7B.
constexpr size_t kLayers[][2] = {{256, 256},   {512, 256},   {256, 512},   {1536, 1536}, {256, 1536},  {8960, 1536},
                                 {1536, 8960}, {1280, 1280}, {5120, 1280}, {1280, 5120}, {3584, 3584}, {18944, 3584},
                                 {3584, 18944}};

// One row is decode, four its widest form, 384 prefill.
void add_all(const Kernels& kernels) {
  for (const auto& layer : kLayers)
    for (const size_t rows : {1, 4, 384}) add_lines(kernels, kLines, LayerShape{rows, layer[0], layer[1]});
}

}  // namespace

int main(int argc, char** argv) { return run_benchmarks(argc, argv, add_all); }
