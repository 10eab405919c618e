// UTF-8: reading, checking and writing characters (Unicode 16, section 3.9). Not normalisation: normal forms need
// tables of their own and belong to the tokenizer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "status.hpp"

namespace mica {

// One step through bytes that may be anything.
struct Utf8Step {
  enum class Kind : uint8_t {
    whole,    // a character
    cut,      // the bytes end inside a character that is valid so far
    invalid,  // these bytes are no character: the longest start of one, or a single byte ("maximal subpart")
  };
  Kind kind = Kind::invalid;
  uint8_t bytes = 0;       // 1 to 4, what the step covers
  char32_t character = 0;  // when whole
};

// The first step of `text`, which is not empty.
Utf8Step utf8_step(std::string_view text);

// Where the first byte stands that is no valid UTF-8; text.size() when all is well.
size_t utf8_invalid_at(std::string_view text);

// invalid_argument with that place in a text of a user.
Status check_utf8(std::string_view text);

// The character at *offset of valid text; *offset moves behind it.
char32_t utf8_next(std::string_view text, size_t* offset);

// Where the character starts that ends at `offset`, which is not 0, of valid text.
size_t utf8_start_before(std::string_view text, size_t offset);

void utf8_append(char32_t character, std::string* text);

// The text of a file, without the mark that some editors put before it.
constexpr std::string_view without_byte_order_mark(std::string_view file) {
  return file.starts_with("\xEF\xBB\xBF") ? file.substr(3) : file;
}

// U+FFFD as UTF-8: what stands for bytes that are no text.
inline constexpr std::string_view kUtf8Replacement = "\xEF\xBF\xBD";

// Appends bytes as text, each invalid or cut step as one U+FFFD.
void utf8_append_lossy(std::string_view bytes, std::string* text);

// The property White_Space of Unicode, unchanged since version 6.3.
bool is_white_space(char32_t character);

}  // namespace mica
