// Characters and case by utf8proc, see jinja_text.hpp.
#include "jinja_text.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "utf8.hpp"

namespace mica::jinja {
namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

constexpr int kFoldedMax = 8;  // characters; Unicode has at most 3

// The full case folding of one character: how many there are in `folded`.
int fold(char32_t c, utf8proc_int32_t* folded) {
  int boundary_class = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), folded, kFoldedMax,
                                                         UTF8PROC_CASEFOLD, &boundary_class);
  if (count > 0 && count <= kFoldedMax) return static_cast<int>(count);
  folded[0] = static_cast<utf8proc_int32_t>(c);
  return 1;
}

// Characters whose upper case is several fold to several, which have one each.
void append_upper(char32_t c, std::string* out) {
  utf8proc_int32_t folded[kFoldedMax];
  const int count = is_upper(c) ? 1 : fold(c, folded);
  if (count == 1) return utf8_append(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))), out);
  for (int i = 0; i < count; ++i) utf8_append(static_cast<char32_t>(utf8proc_toupper(folded[i])), out);
}

void append_title(char32_t c, std::string* out) {
  const auto title = static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
  utf8proc_int32_t folded[kFoldedMax];
  // utf8proc gives ß a capital of its own here, Unicode's title case is "Ss".
  const bool has_own = title != c && category(title) == UTF8PROC_CATEGORY_LT;
  const int count = has_own || is_upper(c) || category(c) == UTF8PROC_CATEGORY_LT ? 1 : fold(c, folded);
  if (count == 1) return utf8_append(title, out);
  utf8_append(static_cast<char32_t>(utf8proc_toupper(folded[0])), out);
  for (int i = 1; i < count; ++i) utf8_append(static_cast<char32_t>(folded[i]), out);
}

// What the rule of the final sigma looks through.
bool is_ignored_in_words(char32_t c) {
  constexpr std::u32string_view kMarks = U"'.:^`\u00A8\u00AD\u00B7\u2018\u2019\u2024\u2027";
  const utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
         kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK || kMarks.find(c) != std::u32string_view::npos;
}

bool ends_word(std::string_view text, size_t begin, size_t end) {
  bool cased_before = false;
  while (begin > 0) {
    begin = utf8_start_before(text, begin);
    size_t next = begin;
    const char32_t c = utf8_next(text, &next);
    if (is_ignored_in_words(c)) continue;
    cased_before = is_cased(c);
    break;
  }
  while (cased_before && end < text.size()) {
    const char32_t c = utf8_next(text, &end);
    if (!is_ignored_in_words(c)) return !is_cased(c);
  }
  return cased_before;
}

// The character of `text` in [begin, end).
void append_lower(std::string_view text, size_t begin, size_t end, std::string* out) {
  constexpr char32_t kSigma = 0x3A3, kFinalSigma = 0x3C2, kDottedI = 0x130;
  size_t next = begin;
  const char32_t c = utf8_next(text, &next);
  if (c == kSigma && ends_word(text, begin, end)) return utf8_append(kFinalSigma, out);
  if (c == kDottedI) {
    *out += "i\xCC\x87";
    return;
  }
  utf8_append(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
}

// Calls each(character, begin, end) for every character.
template <class Each>
void for_characters(std::string_view text, const Each& each) {
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = utf8_next(text, &at);
    each(c, begin, at);
  }
}

template <class IsOne>
std::string_view stripped_where(std::string_view text, bool at_start, bool at_end, const IsOne& is_one) {
  while (at_start && !text.empty()) {
    size_t next = 0;
    if (!is_one(utf8_next(text, &next))) break;
    text.remove_prefix(next);
  }
  while (at_end && !text.empty()) {
    const size_t begin = utf8_start_before(text, text.size());
    size_t next = begin;
    if (!is_one(utf8_next(text, &next))) break;
    text = text.substr(0, begin);
  }
  return text;
}

struct NamedCharacter {
  const char* name;
  char32_t character;
};

constexpr NamedCharacter kNamedCharacters[] = {
    {"SPACE", 0x20},          {"NO-BREAK SPACE", 0xA0},       {"ZERO WIDTH SPACE", 0x200B}, {"LINE FEED", 0x0A},
    {"EN DASH", 0x2013},      {"EM DASH", 0x2014},            {"BULLET", 0x2022},           {"HORIZONTAL ELLIPSIS",
        0x2026},
    {"DEGREE SIGN", 0xB0},    {"MIDDLE DOT", 0xB7},           {"RIGHTWARDS ARROW", 0x2192}, {"LEFTWARDS ARROW", 0x2190},
    {"CHECK MARK", 0x2713},   {"LEFT SINGLE QUOTATION MARK", 0x2018},  {"RIGHT SINGLE QUOTATION MARK", 0x2019},
    {"LEFT DOUBLE QUOTATION MARK", 0x201C}, {"RIGHT DOUBLE QUOTATION MARK", 0x201D}, {"LOWER ONE EIGHTH BLOCK", 0x2581},
    {"FULLWIDTH VERTICAL LINE", 0xFF5C},    {"REPLACEMENT CHARACTER", 0xFFFD},       {"EURO SIGN", 0x20AC},
};
constexpr const char* kGreekLetters[] = {"ALPHA", "BETA", "GAMMA", "DELTA", "EPSILON", "ZETA",    "ETA", "THETA",
    "IOTA",
                                         "KAPPA", "LAMDA", "MU",   "NU",    "XI",      "OMICRON", "PI",  "RHO",
                                             "FINAL SIGMA",
                                         "SIGMA", "TAU", "UPSILON", "PHI",  "CHI",     "PSI",     "OMEGA"};

}  // namespace

bool is_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

std::string_view stripped(std::string_view text, bool at_start, bool at_end) {
  return stripped_where(text, at_start, at_end, is_space);
}

std::string_view stripped_of(std::string_view text, std::string_view set, bool at_start, bool at_end) {
  return stripped_where(text, at_start, at_end, [&](char32_t c) {
    std::string one;
    utf8_append(c, &one);
    return set.find(one) != std::string_view::npos;
  });
}

size_t count_characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

size_t offset_of(std::string_view text, size_t place) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) continue;
    if (place-- == 0) return at;
  }
  return at;
}

bool is_name_part(char32_t c, bool first) {
  const utf8proc_category_t kind = category(c);
  if (is_letter(c) || kind == UTF8PROC_CATEGORY_NL) return true;
  return !first && (kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC || kind == UTF8PROC_CATEGORY_ND ||
                    kind == UTF8PROC_CATEGORY_PC);
}

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

void append_hexadecimal(char32_t c, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  out->push_back(digits == 2 ? 'x' : digits == 4 ? 'u' : 'U');
  while (digits-- > 0) out->push_back(kDigits[c >> 4 * digits & 15]);
}

char32_t character_named(std::string_view name) {
  for (const NamedCharacter& one : kNamedCharacters)
    if (name == one.name) return one.character;
  const auto letter_of = [&](std::string_view prefix) {
    return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string_view();
  };
  for (const bool small : {false, true}) {
    const std::string_view latin = letter_of(small ? "LATIN SMALL LETTER " : "LATIN CAPITAL LETTER ");
    if (latin.size() == 1 && latin[0] >= 'A' && latin[0] <= 'Z') {
      return static_cast<char32_t>(latin[0] + (small ? 32 : 0));
    }
    const std::string_view greek = letter_of(small ? "GREEK SMALL LETTER " : "GREEK CAPITAL LETTER ");
    const auto* found = std::find(std::begin(kGreekLetters), std::end(kGreekLetters), greek);
    if (found == std::end(kGreekLetters) || (!small && greek == "FINAL SIGMA")) continue;
    return static_cast<char32_t>((small ? 0x3B1 : 0x391) + (found - std::begin(kGreekLetters)));
  }
  return 0;
}

bool is_lower(char32_t c) {
  // Unicode's Lowercase has some beside the letters; the two of Latin-1 (ª and º) are those that texts have.
  return category(c) == UTF8PROC_CATEGORY_LL || c == 0xAA || c == 0xBA;
}
bool is_upper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU; }
bool is_cased(char32_t c) { return is_lower(c) || is_upper(c) || category(c) == UTF8PROC_CATEGORY_LT; }
bool is_letter(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT ||
         kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_LO;
}
bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_digit_like(char32_t c) {
  return is_decimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ||
         (c >= 0x2080 && c <= 0x2089) || (c >= 0x2460 && c <= 0x2468);
}
bool is_numeric(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}

std::string upper_case(std::string_view text) {
  std::string out;
  for_characters(text, [&](char32_t c, size_t, size_t) { append_upper(c, &out); });
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out;
  for_characters(text, [&](char32_t, size_t begin, size_t end) { append_lower(text, begin, end, &out); });
  return out;
}

std::string swapped_case(std::string_view text) {
  std::string out;
  for_characters(text, [&](char32_t c, size_t begin, size_t end) {
    if (is_upper(c)) append_lower(text, begin, end, &out);
    else append_upper(c, &out);
  });
  return out;
}

std::string folded_case(std::string_view text) {
  std::string out;
  for_characters(text, [&](char32_t c, size_t, size_t) {
    utf8proc_int32_t folded[kFoldedMax];
    const int count = fold(c, folded);
    for (int i = 0; i < count; ++i) utf8_append(static_cast<char32_t>(folded[i]), &out);
  });
  return out;
}

std::string capitalized(std::string_view text) {
  std::string out;
  for_characters(text, [&](char32_t c, size_t begin, size_t end) {
    if (begin == 0) append_title(c, &out);
    else append_lower(text, begin, end, &out);
  });
  return out;
}

std::string title_case(std::string_view text) {
  std::string out;
  bool in_word = false;
  for_characters(text, [&](char32_t c, size_t begin, size_t end) {
    if (in_word) append_lower(text, begin, end, &out);
    else append_title(c, &out);
    in_word = is_cased(c);
  });
  return out;
}

}  // namespace mica::jinja
