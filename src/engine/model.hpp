// Model: a spec, its weights, its tokenizer and chat format, read-only after it is opened. Not a session: what changes
// while an answer is made lives there.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chat.hpp"
#include "kernel_choice.hpp"
#include "model_files.hpp"
#include "model_spec.hpp"
#include "rope_frequencies.hpp"
#include "sampler.hpp"
#include "status.hpp"
#include "token_trie.hpp"
#include "tokenizer.hpp"
#include "weights.hpp"

namespace mica {

struct Model {
  ModelSpec spec;
  Weights weights;
  RopeFrequencies ropes[static_cast<size_t>(LayerRope::count)];  // of the decoder; empty where no layer has it
  RopeFrequencies vision_rope;  // of a tower with rope_2d: axis 0 is the row of a patch, 1 its column
  std::unique_ptr<ModelFiles> files;     // null for random weights
  std::unique_ptr<Tokenizer> tokenizer;  // null when the checkpoint has none
  std::vector<uint8_t>
      kv_visual_bits;  // of each layer, as a packed file prefers (static_format.hpp); empty: nothing said
  std::string description;  // what it is for, as a packed file says; empty: nothing said
  Chat chat;                             // chat.format is null without a tokenizer that has its control tokens
  std::optional<Sampling> sampling;      // how its files ask to be sampled; nothing where they do not say
  std::vector<std::string> stop_texts;   // that end an answer, as its files ask
  const simd::Kernels* kernels = nullptr;
  mutable std::atomic<uint64_t> identity{0};  // identity_of's; zero: not asked for yet
  LazyTokenTrie token_trie;              // for answers that keep a schema
  mutable std::atomic<bool> plain_text_told{false};  // warn_plain_text's warning was given

  // True for ids that end an answer.
  bool ends(int32_t token) const {
    for (uint32_t i = 0; i < spec.end_token_count; ++i)
      if (spec.end_tokens[i] == token) return true;
    return false;
  }
};

// Takes over `files`. The level of the kernels: kernels_in_use(). `chat_format`: as in choose_chat. `chat_template`, if
// neither null nor empty: the source of one that is run in place of the checkpoint's.
Status open_model(std::unique_ptr<ModelFiles> files, std::unique_ptr<Model>* out, const char* chat_format = nullptr,
                  const char* chat_template = nullptr);
// A published shape with random weights and no tokenizer. `present`: false only tells of
// its matrices (Weights::present).
Status open_shape(const char* name, WeightFormat text, WeightFormat vision, bool present, std::unique_ptr<Model>* out);

// Any shape, which must be one that read_model_spec gives, likewise.
Status open_random(const ModelSpec& spec, WeightFormat text, WeightFormat vision, bool present,
                   std::unique_ptr<Model>* out);

// Warnings of text without turns, once: warn_plain_text where the model could have turns and has none, and that the token
// which its tokenizer puts behind a text is left out. When text is for it to answer, not where it is measured or packed.
void warn_plain_text(const Model& model);

// A digest of the family, config.json and every tensor, which another fine-tune of the shape does not share. The first
// call reads all weights unless their file carries checksums (.mica). Of random weights: of their shape and storage.
uint64_t identity_of(const Model& model);

// The level that MICA_ISA or force_isa chose, else the best one. Chosen at the first call.
Status kernels_in_use(const simd::Kernels** out);
Status force_isa(const char* level);

}  // namespace mica
