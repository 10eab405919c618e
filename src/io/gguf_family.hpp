// GgufFamily: how a kind of model is called in GGUF files and in Hugging Face's. Not the families themselves, which the
// caller gives (models/).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gguf_text.hpp"

namespace mica {

// The same tensor in both, without ".weight" or ".bias"; "{}" stands for the layer.
struct GgufTensorName {
  std::string_view gguf;    // "blk.{}.attn_q"; with "|" between them tensors whose rows follow each other
  std::string huggingface;  // "model.layers.{}.self_attn.q_proj"
  bool in_pairs = false;    // of a tower: rows of a rotary pair are neighbours in GGUF files
  bool turned = false;      // rows here are columns there
};

struct GgufFamily {
  std::string_view architecture;  // general.architecture; empty: that of another family
  const char* class_name;         // config.json's architectures
  bool rope_interleaved;          // rotary pairs are neighbours (2i, 2i + 1): so q_proj and k_proj are permuted
  GgufText text;
  std::string_view projector;     // clip.projector_type of the file with its tower; empty: a family of text
  std::string_view config, processor;  // documents of a text file and its projector (gguf_template.hpp)
  std::vector<GgufTensorName> names;
};

}  // namespace mica
