// NumberRange: numbers as JSON writes them, between bounds, as an automaton. Not arithmetic: decimals are compared digit
// by digit, so that no rounding decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "json.hpp"
#include "regular.hpp"
#include "status.hpp"

namespace mica {

// A number without an exponent. The digits of `whole` begin with no zero but a single one, those of `part` end in none.
struct Decimal {
  bool is_negative = false;
  std::string whole, part;
};

struct NumberRange {
  struct Bound {
    Decimal at;
    bool is_excluded = false;
  };
  bool is_integer = false;  // written without a fraction or an exponent
  std::vector<Bound> low, high;  // all of them count
  std::vector<uint32_t> multiples;  // of each of which it is one; then integers alone
};

// The value of a number in a document: invalid_argument for none, limit_exceeded for more digits than are compared.
Status read_decimal(JsonValue value, Decimal* out);
// Numbers in the range. Their exponents are below 280 and they have at most 20 digits before the point and 20 behind it;
// between bounds, no exponent and 15 digits in all, which doubles tell apart.
Status number_automaton(const NumberRange& range, RegularWork* work, Regular* out);

}  // namespace mica
