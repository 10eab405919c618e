// Model: a spec, its weights, its tokenizer and chat format, read-only after it is opened. Not a session: what changes
// while an answer is made lives there.
#pragma once

#include <memory>
#include <vector>

#include "chat.hpp"
#include "kernels.hpp"
#include "model_files.hpp"
#include "model_spec.hpp"
#include "status.hpp"
#include "tokenizer.hpp"
#include "weights.hpp"

namespace mica {

// Frequencies of RoPE: angle[i] = position[axis_of[i]] * frequency[i].
struct RopeFrequencies {
  std::vector<float> frequency;
  std::vector<uint8_t> axis_of;
};

struct Model {
  ModelSpec spec;
  Weights weights;
  RopeFrequencies rope;         // of the decoder
  RopeFrequencies vision_rope;  // of a tower with rope_2d: axis 0 is the row of a patch, 1 its column
  std::unique_ptr<ModelFiles> files;     // null for random weights
  std::unique_ptr<Tokenizer> tokenizer;  // null when the checkpoint has none
  std::vector<uint8_t>
      kv_visual_bits;  // of each layer, as a packed file prefers (static_format.hpp); empty: nothing said
  Chat chat;                             // chat.format is null without a tokenizer that has its control tokens
  const simd::Kernels* kernels = nullptr;

  // True for ids that end an answer.
  bool ends(int32_t token) const {
    for (uint32_t i = 0; i < spec.end_token_count; ++i)
      if (spec.end_tokens[i] == token) return true;
    return false;
  }
};

// Takes over `files`. The level of the kernels: kernels_in_use().
Status open_model(std::unique_ptr<ModelFiles> files, std::unique_ptr<Model>* out);
// A published shape with random weights and no tokenizer.
Status open_shape(const char* name, RandomStorage text, RandomStorage vision, std::unique_ptr<Model>* out);

// The level that MICA_ISA or force_isa chose, else the best one. Chosen at the first call.
Status kernels_in_use(const simd::Kernels** out);
Status force_isa(const char* level);

}  // namespace mica
