// Pattern: a regular expression, as JSON schemas have them, as an automaton. Not the patterns of tokenizers: those are
// searched for by PCRE2, while here the next character that may come is asked for.
#pragma once

#include <string_view>

#include "regular.hpp"
#include "status.hpp"

namespace mica {

// The texts in which `pattern` (UTF-8; ECMA-262) is found somewhere: characters, classes, ^ and $, groups, | and
// repeats. What looks around, back references, word bounds and properties of Unicode are unsupported. Errors name what is
// wrong: invalid_argument, unsupported, limit_exceeded.
Status read_pattern(std::string_view pattern, RegularWork* work, Regular* out);

}  // namespace mica
