// GgufFamily: how a kind of model is called in GGUF files and in Hugging Face's. Not the families themselves, which the
// caller gives (models/).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gguf_text.hpp"

namespace mica {

// How a tensor's numbers stand in GGUF files where Hugging Face's have them otherwise.
enum class GgufOrder : uint8_t {
  same,
  pairs_together,  // of a tower: rows of a rotary pair are neighbours
  turned,          // rows are columns
  colors_apart,    // of a matrix over patches: all of red, green, blue, and not pixel by pixel; its bias is no such
  vector_colors_apart,    // of a vector over a patch
  axes_exchanged,         // the two outermost
  negative_exponentials,  // -exp(x) for x
};

// The same tensor in both, without ".weight" or ".bias"; "{}" stands for the layer.
struct GgufTensorName {
  std::string gguf;         // "blk.{}.attn_q"; with "|" between them tensors whose rows follow each other
  std::string huggingface;  // "model.layers.{}.self_attn.q_proj"
  GgufOrder order = GgufOrder::same;
};

struct GgufFamily {
  std::string_view architecture;  // general.architecture; empty: that of another family
  const char* class_name;         // config.json's architectures
  bool rope_interleaved;          // rotary pairs are neighbours (2i, 2i + 1): so q_proj and k_proj are permuted
  GgufText text;
  std::string_view projector;  // clip.projector_type of the file with its tower; empty: a family of text
  std::string_view told_by;    // a tensor of that file that another family of the same type has not; empty: none
  std::string_view config, processor;  // documents of a text file and its projector (gguf_template.hpp)
  std::vector<GgufTensorName> names;
};

}  // namespace mica
