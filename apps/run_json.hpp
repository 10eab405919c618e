// mica run -o json: the question and its answer as one JSON object, with the probability of each token.
#pragma once

#include <string>
#include <vector>

#include "files.hpp"

namespace app {

struct JsonQuestion {
  const std::string& model;  // as -m had it; empty: the default model
  const std::string& system;
  const std::string& prompt;
  const std::vector<NamedPicture>& pictures;
  const mica_sampling& sampling;
  double load_seconds;
};

// Answers what `session` holds and prints the object to standard output; false when Ctrl-C ended the answer, which is
// printed as far as it came. Throws Failure.
bool print_json_answer(const Model& model, const Session& session, const JsonQuestion& question);

}  // namespace app
