// The lexer of the template language: text into tokens, with the rules of white space around tags. Not the grammar.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "jinja_value.hpp"
#include "status.hpp"

namespace mica::jinja {

struct Token {
  enum class Type : uint8_t { data, print_begin, print_end, block_begin, block_end, name, string, integer, real, sign,
      end };
  Type type = Type::end;
  uint32_t line = 1;
  std::string_view text;  // a string without its quotes and escapes; of a sign such as "==" itself
};

// `source` has \n as its only line end. Strings with escapes are kept in `heap`; the others are views of `source`.
// Errors: corrupt_file with `title` and the line.
Status read_tokens(std::string_view source, const char* title, Heap* heap, std::vector<Token>* out);

// The text with \n for each line end, and without one at its end.
std::string normal_source(std::string_view source);

}  // namespace mica::jinja
