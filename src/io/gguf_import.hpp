// gguf_import: what a GGUF file says, in Hugging Face's terms: tensor names, config.json, vocabulary. Not the format
// itself (gguf.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gguf.hpp"
#include "model_files.hpp"
#include "status.hpp"

namespace mica {

// "blk.3.attn_q.weight" is "model.layers.3.self_attn.q_proj.weight"; names without a counterpart stay as they are.
std::string huggingface_tensor_name(std::string_view gguf_name);

// The config.json of a file of architecture llama or qwen2 (others: unsupported). Beside Hugging Face's fields it has
//   "mica_rope_interleaved": true where rotary pairs are neighbours (2i, 2i + 1): the conversion of llama models
// permutes
//     the rows of q_proj and k_proj so;
//   "rope_parameters": {"rope_type": "frequency_divisors", "divisors": [head_dim / 2 numbers]} where the file carries
// the
//     tensor rope_freqs.weight (Llama 3.1 and later): inverse frequency i is divided by divisors[i].
Status make_gguf_config(const GgufFile& file, std::string* json);

// The vocabulary with what its views point to besides the file.
struct GgufVocabularyStore {
  GgufVocabulary vocabulary;
  std::vector<std::string_view> tokens;
  std::vector<std::string_view> merges;
  std::vector<float> scores;
  std::vector<int32_t> types;
};

// Checked: array lengths agree, ids are within the vocabulary, types within the format's, tokens bounded. *out must not
// be moved afterwards.
Status read_gguf_vocabulary(const GgufFile& file, GgufVocabularyStore* out);

}  // namespace mica
