// GoldenModel: the small checkpoints with recorded prompts, opened through the engine itself. Not a test.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model.hpp"
#include "picture.hpp"

namespace mica::test {

inline const char* const kGoldenFamilies[] = {"qwen2", "qwen3", "llama", "qwen2_vl", "llava", "internvl"};

struct Prompt {
  std::vector<int32_t> ids;
  std::vector<Picture> pictures;
};

std::unique_ptr<Model> open_at(const std::string& path);
std::unique_ptr<Model> open_family(const std::string& family);
std::vector<Prompt> prompts_of(const std::string& family);

// The logits of the last eight tokens of a prompt, [8][vocabulary].
std::vector<float> logits_of(const Model& model, const Prompt& prompt);

}  // namespace mica::test
