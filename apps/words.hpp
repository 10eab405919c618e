// Words: taken apart, and the one that was meant by another. Knows no commands and no options.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace app {

// The parts between separators, empty ones too.
std::vector<std::string> split(std::string_view text, char separator);

bool contains(const std::vector<std::string>& words, std::string_view word);

// The word that `typed` is a slip of: letters left out, doubled, changed or swapped, at most one in three. Empty when
// none is near.
std::string nearest_word(const std::string& typed, const std::vector<std::string>& words);

}  // namespace app
