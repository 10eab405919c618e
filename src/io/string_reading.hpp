// StringReading: where one is in a text whose characters an automaton follows, byte by byte: plain ASCII, or a JSON
// string, in which a character has several spellings. A byte is taken only where some character that fits can follow.
#pragma once

#include <cstdint>

#include "regular.hpp"

namespace mica {

struct StringReading {
  enum class Within : uint8_t {
    nothing,     // between characters
    utf8,        // `left` more bytes of a character
    escape,      // behind a backslash
    digits,      // `left` more hexadecimal digits of \u
    low_escape,  // behind the first half of a pair of surrogates: a backslash follows,
    low_letter,  // then the u,
    low_digits,  // then `left` digits
  };
  Within within = Within::nothing;
  uint8_t left = 0;
  // Whatever follows leads to the state `value`; else `value` is what there is of the character.
  bool is_settled = false;
  uint32_t value = 0;
  uint32_t state = 0;  // of the automaton, before the character

  bool operator==(const StringReading&) const = default;
};

// Takes the next byte; false when it does not fit, and *reading is then of no use. `plainly`: characters that need no escape
// have none.
bool read_string_byte(const Regular& regular, uint8_t byte, bool plainly, StringReading* reading);
bool read_plain_byte(const Regular& regular, uint8_t byte, StringReading* reading);

}  // namespace mica
