// GgufText: in what the config.json of a text decoder in a GGUF file differs from that of Llama's classes, as words that
// families and the reader of such files share. Not the reading: io/gguf_config.cpp.
#pragma once

#include <cstdint>

namespace mica {

struct GgufText {
  const char* model_type = nullptr;  // where config.json calls it otherwise than general.architecture
  const char* activation = "silu";
  bool norms_whole = false;      // the conversion adds 1 to norms that multiply by 1 + w
  bool windows_by_class = false; // which layers have windows the class says; no use_sliding_window
  bool window_rope = false;      // these have a RoPE of their own
  bool caps = false;             // of logits and of scores
  // Queries are scaled by the root of query_pre_attn_scalar, which files do not hold: the width of a head, but in models
  // of so many layers hidden / heads. 0: the class has no such field.
  uint32_t layers_scaled_by_width = 0;
  bool partial_rope = false;  // of a head only as many dims turn as the file says
  bool sections = false;      // positions have several axes, whose shares a file must say
  bool guesses_tokens = false;  // its last layers may guess further tokens in training, which nobody reads
  bool scales_queries = false;  // by their place in the text, and YaRN's factor by one more of the file
  // Members of config.json besides, or in place of those that all have: as io/gguf_template.hpp fills it, of the text
  // file's own keys, which then are known. Null: none.
  const char* more = nullptr;
};

}  // namespace mica
