// Numbers as Python reads and prints them, in any locale. Not arithmetic (jinja_operators.cpp).
#pragma once

#include <string>
#include <string_view>

#include "jinja_value.hpp"

namespace mica::jinja {

// Digits alone. False when there are none, or more than 127 bits hold.
bool read_integer(std::string_view digits, int base, Integer* out);
// False for what is no number. Too large is infinity.
bool read_real(std::string_view text, double* out);
// int(text, base) and float(text) of Python: with white space around, signs, underscores; nan and infinity.
bool parse_integer(std::string_view text, int base, Integer* out);
bool parse_real(std::string_view text, double* out);

// Null memory beyond the heap's bound.
bool integer_value(Heap* heap, Integer number, Value* out);

std::string integer_text(Integer number, int base = 10);
// As repr() does: "1.0", "1e-05", "inf".
std::string real_text(double number);
// Formats of printf: 'f', 'e', 'g'.
std::string real_text(double number, char form, int precision);

}  // namespace mica::jinja
