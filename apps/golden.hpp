// Comparing a model with one recorded case, golden_K.safetensors: what goes in, what came out of the reference.
// Measures only; what is good enough is check.cpp's to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "handles.hpp"

namespace app {

struct GoldenDifference {
  std::optional<double> pixels;  // largest absolute difference of pixel_values; absent when none were recorded
  double relative = 0;           // largest |a - b| over largest |b|, of all rows of logits; b is the recorded one
  double cosine = 0;             // smallest cosine of a row of logits
  uint32_t greedy_equal = 0;     // leading greedy tokens that agree
  uint32_t greedy = 0;           // greedy tokens recorded
};

// Runs the case `path` through `model`. Pictures that its metadata names are looked for beside it and in images/ there
// or up to two folders up. `session` gives batch, threads and KV bits; context and rows are set here. Throws Failure.
// `given_pictures`: instead of those that its metadata names; null: these.
GoldenDifference compare_golden(const Model& model, mica_session_options session, const std::string& path,
                                const std::vector<std::string>* given_pictures = nullptr);

}  // namespace app
