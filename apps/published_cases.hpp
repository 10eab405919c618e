// Comparing a published model's file with the reference's recorded answers to it: tokens of prompts, the tokens that
// follow them, perplexity of a text. Measures only; what is good enough is check.cpp's to say.
#pragma once

#include <cstddef>
#include <string>

#include "options.hpp"

namespace app {

struct PublishedDifference {
  size_t prompts = 0, prompts_equal = 0;  // as token ids
  // Of each prompt the tokens that follow, each given the recorded ones before it. Of those that differ: the widest gap
  // that was recorded between the two best logits.
  size_t greedy = 0, greedy_equal = 0;
  double gap = 0;
  double perplexity = 0, recorded = 0;
};

// Whether a JSON document holds such answers.
bool is_published_case(const std::string& path);
// The file that they are of, named as the document, with .gguf: in `folder`, or beside it. Empty: there is none.
std::string published_file(const std::string& path, const std::string& folder);
// options.model is the file. Throws Failure.
PublishedDifference compare_published(const std::string& path, Options options);

}  // namespace app
