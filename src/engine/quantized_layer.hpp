// QuantizedLayer: one matrix of a checkpoint that another program quantized: the tensors it is stored in, and what they
// become. Not which checkpoints are read (quantization_config.hpp), not the model's view of them (quantized_files.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model_files.hpp"
#include "own_bytes.hpp"
#include "quantization_config.hpp"
#include "status.hpp"

namespace mica {

// The tensors whose names begin with the layer's: "model.layers.0.mlp.down_proj".
struct LayerTensors {
  const ModelFiles& files;
  const QuantizationConfig& config;
  std::string name;

  // `suffix`: ".qweight". Null when there is none.
  const TensorView* find(const char* suffix) const { return files.find(name + suffix); }
  // It must be there with this rank; 0: of any.
  Status require(const char* suffix, uint32_t rank, const TensorView** out) const;
  // The same of 32-bit words.
  Status require_words(const char* suffix, const TensorView** out) const;
  // Floats of a tensor with `count` values.
  Status floats(const char* suffix, size_t count, std::vector<float>* out) const;
  // corrupt_file: "FILE: LAYER: what".
  Status error(const char* what) const;
  Status unsupported(const char* what) const;
};

// A matrix as it was made, in memory that lives as long as `owned`.
struct MadeMatrix {
  std::string name;  // of the layer
  size_t rows = 0, columns = 0;
  DType dtype = DType::f32;
  uint8_t* data = nullptr;
  size_t stride_bytes = 0;

  float* row(size_t index) const { return reinterpret_cast<float*>(data + index * stride_bytes); }  // of f32
  Status allocate(const std::string& layer, size_t rows, size_t columns, DType dtype, OwnedBytes* owned);
};

// Integers with floats for groups of inputs: value = scale * (code - zero), or scale * code + minimum.
struct IntegerRows {
  size_t rows = 0, columns = 0, groups = 0;
  int32_t code_min = 0, code_max = 0;  // that fields can hold
  bool minimums = false;
  std::vector<uint32_t> group_of;  // of each input
  std::vector<float> scales;       // [rows][groups]
  std::vector<float> minimum;      // likewise, or empty
  std::vector<int32_t> zeros;      // likewise, or empty: none
  std::function<void(size_t row, int32_t* codes)> read;  // the codes of a row
};
// Rows of integers where a type of blocks holds them (stored_types.inc), else of floats.
Status make_integer_rows(const LayerTensors& layer, const IntegerRows& integers, MadeMatrix* out, OwnedBytes* owned);

// Field `index` of `bits` bits, 8 at most, in words `stride_bytes` apart, from the low bits on; fields may lie in two.
uint32_t packed_field(const uint8_t* words, size_t stride_bytes, size_t index, uint32_t bits);
uint32_t word_at(const uint8_t* bytes);

// What each kind of quantization makes of a layer: one matrix, or the parts of a fused one.
using MadeMatrices = std::vector<MadeMatrix>;
Status read_awq(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned);
Status read_gptq(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned);
Status read_compressed(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned);
Status read_mlx(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned);
Status read_eight_bits(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned);
Status read_four_bit_floats(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned);
Status read_aqlm(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned);
Status read_quip_sharp(const LayerTensors& layer, MadeMatrices* out, OwnedBytes* owned);

}  // namespace mica
