// The plain arguments of mica run: which of them are pictures, and which is the question. Not about flags.
#pragma once

#include <string>
#include <vector>

namespace app {

struct PlainArguments {
  std::vector<std::string> pictures;  // also those that the question names
  std::string question;               // empty: only pictures were given
};

// All but one are pictures; that one, the last or a sentence, is the question, in which pictures may be named. Throws
// UsageError by name for what is neither: a file that is not there or no picture, an empty argument.
PlainArguments sort_arguments(const std::vector<std::string>& words);

}  // namespace app
