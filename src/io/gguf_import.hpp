// gguf_import: what a GGUF file says, in Hugging Face's terms: tensor names, config.json, vocabulary. Not the format
// itself (gguf.hpp).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf.hpp"
#include "gguf_family.hpp"
#include "model_files.hpp"
#include "status.hpp"

namespace mica {

// "blk.3.attn_q.weight" is "model.layers.3.self_attn.q_proj.weight"; names without a counterpart stay as they are.
std::string huggingface_tensor_name(std::string_view gguf_name, const GgufFamily& family);

// How its numbers stand in the file.
GgufOrder gguf_tensor_order(std::string_view gguf_name, const GgufFamily& family);

// Refuses keys with values that mica does not run, by name, and warns of those that it does not know.
Status check_gguf_keys(const GgufFile& file, const GgufFamily& family, uint32_t head_dim);

// The family of a text file's architecture, whose projector is of `pictures` (null: none). Others: unsupported.
Status find_gguf_family(const GgufFile& file, std::span<const GgufFamily> families, const GgufFamily* pictures,
                        const GgufFamily** out);

// The config.json of a file of a family. Beside Hugging Face's fields it has
//   "mica_rope_interleaved": true where the family's rotary pairs are neighbours;
//   "mica_rope_divisors": [head_dim / 2 numbers] where the file carries the tensor rope_freqs.weight (Llama 3.1 and
//     later): inverse frequency i is divided by divisor i, before any other scaling;
//   "mica_norms_whole": true where the conversion added 1 to norms that multiply by 1 + w.
Status make_gguf_config(const GgufFile& file, const GgufFamily& family, std::string* json);

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
