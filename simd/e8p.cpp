// E8P: its patterns, made as they are defined, and the code of a vector. Not a kernel.
#include "e8p.hpp"

namespace mica::simd {
namespace {

constexpr int kSquaresMost = 40, kSquaresOfSome = 48;  // sums of squares: of all that there are, of the 29

// The first places of a pattern.
struct Begun {
  size_t places = 0, digits = 0;
  uint64_t row = 0;
  int sum = 0, squares = 0, places_of_ones = 0;
  bool fives = false;
};

constexpr bool is_wanted(const Begun& pattern, bool some) {
  if (!some) return pattern.squares <= kSquaresMost;
  return pattern.squares == kSquaresOfSome && !pattern.fives &&
         (pattern.places_of_ones % 2 == 0 || pattern.places_of_ones == 0 + 1 + 2);
}

constexpr void extend(const Begun& pattern, bool some, size_t* count, E8pTable* out) {
  if (pattern.places == kVectorInputs) {
    if (!is_wanted(pattern, some)) return;
    out->places[pattern.digits] = static_cast<uint8_t>(*count);
    out->patterns[(*count)++] = pattern.row;
    return;
  }
  for (int digit = 0; digit < 3; ++digit) {
    const int magnitude = 2 * digit + 1;
    Begun next = pattern;
    next.digits = 3 * pattern.digits + static_cast<size_t>(digit);
    next.sum += magnitude;
    next.squares += magnitude * magnitude;
    next.places_of_ones += magnitude == 1 ? static_cast<int>(pattern.places) : 0;
    next.fives = pattern.fives || magnitude == 5;
    next.places = pattern.places + 1;
    const bool negative = next.places == kVectorInputs && next.sum / 2 % 2 != 0;
    const auto twice = static_cast<uint8_t>(negative ? -2 * magnitude : 2 * magnitude);
    next.row |= static_cast<uint64_t>(twice) << 8 * pattern.places;
    if (next.squares <= kSquaresOfSome) extend(next, some, count, out);
  }
}

constexpr E8pTable make_table() {
  E8pTable table{.patterns = {}, .places = {}};
  size_t count = 0;
  extend({}, false, &count, &table);
  extend({}, true, &count, &table);
  return table;
}

}  // namespace

extern constexpr E8pTable kE8p = make_table();

E8pCode e8p_code(const int8_t* values) {
  const int shift = (values[0] & 3) == 3 ? 1 : -1;  // twice an odd number, and 1 or -1
  size_t digits = 0;
  uint32_t signs = 0;
  for (size_t place = 0; place < kVectorInputs; ++place) {
    const int twice = values[place] - shift, magnitude = twice < 0 ? -twice / 2 : twice / 2;
    digits = 3 * digits + (magnitude > 4 ? 2u : magnitude > 2 ? 1u : 0u);
    signs |= (twice < 0 ? 1u : 0u) << place;
  }
  return {kE8p.places[digits], static_cast<uint8_t>((signs & 127u) | (shift < 0 ? 128u : 0u))};
}

}  // namespace mica::simd
