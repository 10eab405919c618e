// QuantizationConfig: what a checkpoint's config.json says about the program that quantized it. Not its tensors, whose
// shapes say the rest (quantized_layer.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "json.hpp"
#include "status.hpp"

namespace mica {

enum class Quantization : uint8_t {
  none, awq, gptq, compressed_tensors, mlx, four_bit_floats, eight_bits, aqlm, quip_sharp,
  static_ranges,  // integers with steps of what enters and leaves them: read where matrices are (static_ranges.cpp)
};

struct QuantizationConfig {
  Quantization kind = Quantization::none;
  uint32_t bits = 0;         // 0: not said
  uint32_t group = 0;        // inputs that share a scale; 0: not said, or all
  std::vector<uint32_t> other_groups;  // likewise, of single modules
  bool by_module = false;    // single modules may have other bits (GPTQ, AutoRound), which their shapes say
  bool zero_less_one = false;  // GPTQ's first format: zeros are stored less one
  bool words_less_one = false;  // the same, and fields of 3 bits as GPTQModel counts them down: by whole words
  bool rows_too = false;     // its program rounds what enters matrices, or keys and values, to fewer bits as well
  // Of a decoder, where fused matrices are taken apart (QuIP#).
  uint32_t heads = 0, kv_heads = 0;
  JsonValue modules;         // MLX: what single modules have instead, by path; lives as long as the document
};

// The quantization that `root`, or the decoder's config in it, names; kind none where it names none. Errors:
// unsupported for one that mica does not read, with what works; those of fields.
Status read_quantization_config(JsonValue root, QuantizationConfig* out);

}  // namespace mica
