// How a checkpoint asks to be sampled and where its answers end: generation_config.json. Not the sampler, which is told
// numbers only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model_files.hpp"
#include "sampler.hpp"
#include "status.hpp"

namespace mica {

struct GenerationConfig {
  std::optional<Sampling> sampling;     // nothing where the checkpoint has no such file
  std::vector<int32_t> end_tokens;      // beside config.json's
  std::vector<std::string> stop_texts;  // that may end an answer (check_stops)
};

// As transformers' generate() reads the file: the likeliest token unless do_sample is true, then temperature 1 and the 50
// likeliest where nothing else is said; the repetition penalty looks at the whole context. What changes answers and is
// not done here (beams, banned words, a bound on tokens below the model's `context`) is warned of by name, and so are
// fields that mica does not know. Errors: corrupt_file for a number out of bounds.
Status read_generation_config(const ModelFiles& files, uint32_t context, GenerationConfig* out);

}  // namespace mica
