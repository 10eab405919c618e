// Translation of Oniguruma's syntax to PCRE2's: the classes behind \s, \d, \w and \p{..} are spelled out, and what the
// two engines read differently is rewritten or refused. Nothing recurses: groups are copied, not understood.
#include "tokenizer_dialect.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdio>
#include <cstdlib>

#include "tokenizer_unicode.hpp"
#include "utf8.hpp"

namespace mica {

namespace {

// True when PCRE2's own Unicode data is older than that of tokenizers' engine.
bool needs_new_ranges() {
  char version[32] = {};
  if (pcre2_config_8(PCRE2_CONFIG_UNICODE_VERSION, nullptr) > static_cast<int>(sizeof version)) return false;
  pcre2_config_8(PCRE2_CONFIG_UNICODE_VERSION, version);
  return std::strtol(version, nullptr, 10) < 16;
}

void append_hex(char32_t character, std::string* out) {
  char text[16];
  snprintf(text, sizeof text, "\\x{%X}", static_cast<unsigned>(character));
  *out += text;
}

// The characters of `category` ("L", "Nd") that PCRE2 does not know yet, as items of a character class.
std::string new_ranges(std::string_view category) {
  std::string items;
  static const bool needed = needs_new_ranges();
  if (!needed) return items;
  for (const UnicodeRange& range : unicode_ranges_since_15()) {
    if (!std::string_view(range.category).starts_with(category)) continue;
    append_hex(range.first, &items);
    if (range.last == range.first) continue;
    items += '-';
    append_hex(range.last, &items);
  }
  return items;
}

struct PropertyName {
  std::string_view name, pcre2;
};

// Long names that published files use, and what PCRE2 calls them. Other names of three or more letters are scripts.
constexpr PropertyName kPropertyNames[] = {
    {"Letter", "L"},
    {"Mark", "M"},
    {"Number", "N"},
    {"Punctuation", "P"},
    {"Punct", "P"},
    {"Symbol", "S"},
    {"Separator", "Z"},
    {"Other", "C"},
    {"Any", "Any"},
    {"Alphabetic", "Alphabetic"},
    {"Alpha", "Alphabetic"},
    {"White_Space", "White_Space"},
    {"Lowercase", "Lowercase"},
    {"Uppercase", "Uppercase"},
    {"Ideographic", "Ideographic"},
    {"Emoji", "Emoji"},
    {"Emoji_Presentation", "Emoji_Presentation"},
    {"Extended_Pictographic", "Extended_Pictographic"},
};

// PCRE2's name of a property. A bare script name would mean its Script_Extensions there, Script in Oniguruma.
std::string property_name(std::string_view name) {
  if (name.size() <= 2) return std::string(name);
  for (const PropertyName& known : kPropertyNames) {
    if (known.name == name) return std::string(known.pcre2);
  }
  return std::string("sc:").append(name);
}

// A set of characters that a backslash names: as items inside [...], and the same negated where that can be said.
struct ClassEscape {
  std::string items;
  std::string negated_items;  // empty: cannot be said inside a set
};

ClassEscape property_class(std::string_view name) {
  const std::string pcre2 = property_name(name);
  const std::string added = pcre2 == "Alphabetic" ? new_ranges("L") : pcre2.size() <= 2 ? new_ranges(pcre2) : "";
  const auto escape = [&](const char* letter) { return std::string(letter).append("{").append(pcre2).append("}"); };
  return {escape("\\p") + added, escape("\\P")};
}

// Word characters. Outside of sets Oniguruma counts the superscripts and fractions of Latin-1 too, inside it does not.
ClassEscape word_class(bool inside_set) {
  std::string items = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
  if (!inside_set) items += "\\xB2\\xB3\\xB9\\xBC-\\xBE";
  return {items + new_ranges("L") + new_ranges("M") + new_ranges("Nd"), ""};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Translator {
 public:
  Translator(std::string_view in, std::string* out) : in_(in), out_(out) {}

  Status run() {
    while (at_ < in_.size()) {
      switch (in_[at_]) {
        case '\\': MICA_TRY(escape()); break;
        case '[': MICA_TRY(character_class()); break;
        case '(': MICA_TRY(group()); break;
        case '{': MICA_TRY(interval()); break;
        default: *out_ += in_[at_++];
      }
    }
    return Status::ok();
  }

 private:
  // The character at `ahead` from here, NUL behind the end.
  char peek(size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }

  Status unsupported(const char* what) const {
    return Status::error(Code::unsupported, "has %s at byte %zu, which mica does not run", what, at_);
  }
  Status malformed(const char* what) const {
    return Status::error(Code::corrupt_file, "has %s at byte %zu", what, at_);
  }

  // \p{..}, \P{..} and \p{^..}: at_ stands on the backslash, and behind the brace afterwards.
  Status property(ClassEscape* set, bool* negated) {
    const size_t close = in_.find('}', at_);
    if (peek(2) != '{' || close == std::string_view::npos) return malformed("a \\p without {name}");
    std::string_view name = in_.substr(at_ + 3, close - at_ - 3);
    *negated = peek(1) == 'P';
    if (name.starts_with('^')) {
      *negated = !*negated;
      name.remove_prefix(1);
    }
    if (name.empty()) return malformed("a \\p without {name}");
    for (char c : name) {
      if (!is_letter(c) && !is_digit(c) && c != '_' && c != ' ' && c != '-') return malformed("a bad name in \\p{..}");
    }
    *set = property_class(name);
    at_ = close + 1;
    return Status::ok();
  }

  // The classes \s \d \w \h \p and their negations; *is_class false, and nothing consumed, for other escapes.
  Status class_escape(bool inside_set, ClassEscape* set, bool* negated, bool* is_class) {
    *is_class = true;
    const char letter = peek(1);
    if (letter == 'p' || letter == 'P') return property(set, negated);
    *negated = letter >= 'A' && letter <= 'Z';
    switch (letter) {
      case 's':
      case 'S': *set = {"\\p{White_Space}", "\\P{White_Space}"}; break;
      case 'd':
      case 'D': *set = property_class("Nd"); break;
      case 'w':
      case 'W': *set = word_class(inside_set); break;
      case 'h':
      case 'H': *set = {"0-9a-fA-F", ""}; break;
      default: *is_class = false; return Status::ok();
    }
    at_ += 2;
    return Status::ok();
  }

  // An escape that means one character and means it inside and outside of sets.
  Status character_escape() {
    const char letter = peek(1);
    if (letter == '\0') return malformed("a backslash without a character");
    if (letter == 'x' || letter == 'u') return hexadecimal();
    if (letter == 'v') {
      *out_ += "\\x0B";  // PCRE2's \v is every vertical space
    } else if (std::string_view("tnrfae").find(letter) != std::string_view::npos ||
               (static_cast<unsigned char>(letter) < 0x80 && !is_letter(letter) && !is_digit(letter))) {
      *out_ += '\\';
      *out_ += letter;
    } else if (static_cast<unsigned char>(letter) >= 0x80) {
      *out_ += letter;
    } else {
      const char text[] = {'\\', letter, '\0'};
      return unsupported(text);
    }
    at_ += 2;
    return Status::ok();
  }

  // \xHH, \x{H..} and \uHHHH.
  Status hexadecimal() {
    const bool braces = peek(1) == 'x' && peek(2) == '{';
    const size_t first = at_ + (braces ? 3 : 2);
    const size_t digits_max = braces ? 8 : peek(1) == 'u' ? 4 : 2;
    char32_t character = 0;
    size_t end = first;
    while (end < in_.size() && end - first < digits_max && is_hex(in_[end])) {
      const char c = in_[end++];
      character = character << 4 | static_cast<char32_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    const bool closed = !braces || (end < in_.size() && in_[end] == '}');
    if (end == first || !closed || (peek(1) == 'u' && end - first != 4)) return malformed("a bad hexadecimal escape");
    // Oniguruma reads \xHH beyond ASCII as one byte of a character.
    if (!braces && peek(1) == 'x' && character >= 0x80) return unsupported("a byte \\xHH beyond ASCII");
    append_hex(character, out_);
    at_ = end + (braces ? 1 : 0);
    return Status::ok();
  }

  Status escape() {
    ClassEscape set;
    bool negated = false, is_class = false;
    MICA_TRY(class_escape(/*inside_set=*/false, &set, &negated, &is_class));
    if (is_class) {
      out_->append(negated ? "[^" : "[").append(set.items).append("]");
      return Status::ok();
    }
    const char letter = peek(1);
    if (letter == 'b' || letter == 'B') {  // PCRE2's own \b goes by another set of word characters
      const std::string word = word_class(/*inside_set=*/false).items;
      const bool edge = letter == 'b';
      out_->append("(?:(?<=[").append(word).append(edge ? "])(?![" : "])(?=[").append(word);
      out_->append("])|(?<![").append(word).append(edge ? "])(?=[" : "])(?![").append(word).append("]))");
    } else if (std::string_view("AzZR").find(letter) != std::string_view::npos || (letter >= '1' && letter <= '9')) {
      *out_ += '\\';
      *out_ += letter;
    } else {
      return character_escape();
    }
    at_ += 2;
    return Status::ok();
  }

  Status character_class() {
    *out_ += in_[at_++];
    if (peek() == '^') *out_ += in_[at_++];
    for (bool first = true;; first = false) {
      if (at_ >= in_.size()) return malformed("a [ without its ]");
      const char c = peek();
      if (c == ']' && !first) break;
      if (c == '[') return unsupported(peek(1) == ':' ? "a POSIX bracket" : "a set inside a set");
      if (c == '&' && peek(1) == '&') return unsupported("an intersection of sets");
      if (c == '\\') {
        MICA_TRY(class_item_escape());
        continue;
      }
      if (c == ']') *out_ += '\\';  // in the first place it is a character
      *out_ += c;
      ++at_;
    }
    *out_ += in_[at_++];
    return Status::ok();
  }

  Status class_item_escape() {
    ClassEscape set;
    bool negated = false, is_class = false;
    MICA_TRY(class_escape(/*inside_set=*/true, &set, &negated, &is_class));
    if (!is_class) return character_escape();
    if (negated && set.negated_items.empty()) return unsupported("\\W or \\H inside a set");
    *out_ += negated ? set.negated_items : set.items;
    return Status::ok();
  }

  Status group() {
    if (peek(1) == '*') return unsupported("(*...)");
    if (peek(1) != '?') {
      *out_ += in_[at_++];
      return Status::ok();
    }
    for (std::string_view head : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"}) {
      if (in_.substr(at_).starts_with(head)) {
        *out_ += head;
        at_ += head.size();
        return Status::ok();
      }
    }
    return options();
  }

  // (?i: ...) and, at the very start, (?i). Oniguruma's m lets the dot match a newline, which PCRE2 calls s.
  Status options() {
    size_t end = at_ + 2;
    std::string letters;
    while (end < in_.size() && (in_[end] == 'i' || in_[end] == 'm' || in_[end] == '-')) {
      letters += in_[end] == 'm' ? 's' : in_[end];
      ++end;
    }
    const char close = end < in_.size() ? in_[end] : '\0';
    if (letters.empty() || (close != ':' && close != ')')) return unsupported("a group of an unknown kind");
    // Elsewhere a bare (?i) would also group the alternatives behind it.
    if (close == ')' && at_ != 0) return unsupported("options in the middle");
    out_->append("(?").append(letters).push_back(close);
    at_ = end + 1;
    return Status::ok();
  }

  // {n}, {n,}, {,m} and {n,m}; any other { is a brace.
  Status interval() {
    size_t end = at_ + 1;
    std::string minimum, maximum;
    while (end < in_.size() && is_digit(in_[end])) minimum += in_[end++];
    const bool comma = end < in_.size() && in_[end] == ',';
    if (comma) ++end;
    while (comma && end < in_.size() && is_digit(in_[end])) maximum += in_[end++];
    if (end >= in_.size() || in_[end] != '}' || (minimum.empty() && maximum.empty())) {
      *out_ += "\\{";
      ++at_;
      return Status::ok();
    }
    const char next = end + 1 < in_.size() ? in_[end + 1] : '\0';
    // In Oniguruma {1,3}+ repeats the interval, and {3}? makes it optional.
    if (next == '+' || (next == '?' && !comma)) return unsupported("a quantifier behind an interval");
    out_->append("{").append(minimum.empty() ? "0" : minimum).append(comma ? "," : "").append(maximum).append("}");
    at_ = end + 1;
    return Status::ok();
  }

  std::string_view in_;
  size_t at_ = 0;
  std::string* out_;
};

}  // namespace

Status translate_pattern(std::string_view expression, std::string* out) {
  out->clear();
  return Translator(expression, out).run();
}

}  // namespace mica
