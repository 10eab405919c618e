// Words: taken apart, and the one that was meant by another. Knows no commands and no options.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace app {

// The parts between separators, empty ones too.
std::vector<std::string> split(std::string_view text, char separator);

// Without what it has of `blanks` at its ends.
std::string trim(std::string_view text, std::string_view blanks);

// As URLs have it: what is not plain by its bytes, as %0A.
std::string percent_encoded(std::string_view text, bool (*is_plain)(uint8_t byte));

bool contains(const std::vector<std::string>& words, std::string_view word);

// The word that `typed` is a slip of: letters left out, doubled, changed or swapped, at most one in three. Empty when
// none is near.
std::string nearest_word(const std::string& typed, const std::vector<std::string>& words);

}  // namespace app
