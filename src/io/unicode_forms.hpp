// Unicode normal forms (UAX #15) and properties of characters, by utf8proc. Not patterns: their classes are PCRE2's.
#pragma once

#include <cstdint>
#include <string>

#include "status.hpp"

namespace mica {

enum class NormalForm : uint8_t { nfc, nfd, nfkc, nfkd };

// `text` is valid UTF-8. O(n log n) also for runs of combining marks. limit_exceeded: it grows beyond bytes_max.
Status to_normal_form(NormalForm form, size_t bytes_max, std::string* text);

// Lower case of one character, as the Unicode data gives it without context or language; appended, since one character
// (U+0130) becomes two.
void append_lower_case(char32_t character, std::string* text);

// General category M: a mark on another character, whether it takes space or not.
bool is_mark(char32_t character);

}  // namespace mica
