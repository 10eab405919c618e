// The characters that Unicode 15 to 16 assigned, for systems whose PCRE2 is older. Not a whole Unicode database.
#pragma once

#include <span>

namespace mica {

struct UnicodeRange {
  char32_t first, last;
  char category[3];  // "Lu", "Nd", ...
};

// In ascending order, each of one category.
std::span<const UnicodeRange> unicode_ranges_since_15();

}  // namespace mica
