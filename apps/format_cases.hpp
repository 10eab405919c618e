// Comparing what mica reads of quantized formats with recorded values: blocks of GGUF types and whole checkpoints.
// Measures only; what is good enough is check.cpp's to say.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "golden.hpp"
#include "options.hpp"
#include "published_cases.hpp"

namespace app {

struct FormatCase {
  std::string path;    // beneath the folder
  size_t values = 0;   // recorded
  size_t equal = 0;    // of these, in every bit
  double relative = 0;  // largest |a - b| over largest |b|
  std::optional<GoldenDifference> golden;  // of a checkpoint, or a pair of files
  std::optional<PublishedDifference> published;
  std::string absent;   // a file that the case is of and that is not here
  std::string failure;  // why it could not be compared; empty: it was
};

// Calls `done` with each case under `folder`, by path: every safetensors file with "blocks" and "values" whose metadata
// have ggml_type, every folder with config.json and golden.safetensors, every golden_TYPE_K beside text-f16.gguf, with
// the projector mmproj-TYPE.gguf, and every document with answers to a published file, which lies beside it or in the
// folder options.model. Throws Failure where there is none.
void compare_formats(const std::string& folder, const Options& options,
                     const std::function<void(const FormatCase&)>& done);

}  // namespace app
