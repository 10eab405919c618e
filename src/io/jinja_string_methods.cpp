// Methods of texts, as Python's str has them. See jinja_tables.hpp.
#include <algorithm>
#include <string>
#include <vector>

#include "jinja_arguments.hpp"
#include "jinja_tables.hpp"
#include "jinja_text.hpp"
#include "utf8.hpp"

namespace mica::jinja {
namespace {

template <std::string (*kMap)(std::string_view)>
bool mapped(Run& run, const Value& self, const Value*, Value* out) {
  return run.charge_text(size_t{self.size} * 4) && run.text(kMap(self.view()), out);
}

// Whether every character is of a kind, and there is one.
template <bool (*kIs)(char32_t)>
bool all_are(Run& run, const Value& self, const Value*, Value* out) {
  bool all = self.size > 0;
  for (size_t at = 0; at < self.size && all;) all = kIs(utf8_next(self.view(), &at));
  *out = Value::boolean(all);
  return run.charge_text(self.size);
}

bool is_alphanumeric(char32_t c) { return is_letter(c) || is_numeric(c); }

template <bool kUpper>
bool has_case(Run& run, const Value& self, const Value*, Value* out) {
  bool passes = false;
  if (!run.call_test(find_test(kUpper ? "upper" : "lower"), self, {}, &passes)) return false;
  *out = Value::boolean(passes);
  return true;
}

bool is_title(Run& run, const Value& self, const Value*, Value* out) {
  const bool has_cased = upper_case(self.view()) != lower_case(self.view());
  *out = Value::boolean(has_cased && title_case(self.view()) == self.view());
  return run.charge_text(size_t{self.size} * 8);
}
bool is_ascii(Run& run, const Value& self, const Value*, Value* out) {
  *out = Value::boolean(std::all_of(self.text, self.text + self.size, [](char c) {
      return static_cast<uint8_t>(c) < 0x80; }));
  return run.charge_text(self.size);
}
bool is_printable_text(Run& run, const Value& self, const Value* arguments, Value* out) {
  *out = Value::boolean(true);
  return self.size == 0 || all_are<is_printable>(run, self, arguments, out);
}
bool is_identifier(Run& run, const Value& self, const Value*, Value* out) {
  bool all = self.size > 0;
  for (size_t at = 0; at < self.size && all;) {
    const bool first = at == 0;
    const char32_t c = utf8_next(self.view(), &at);
    all = c == '_' || is_name_part(c, first);
  }
  *out = Value::boolean(all);
  return run.charge_text(self.size);
}

template <bool kStart, bool kEnd>
bool strip(Run& run, const Value& self, const Value* arguments, Value* out) {
  std::string_view set;
  if (!optional_text(run, arguments[0], &set) || !run.charge_text(self.size * (1 + set.size()))) return false;
  *out = Value::string(is_given(arguments[0]) ? stripped_of(self.view(), set, kStart, kEnd)
                                              : stripped(self.view(), kStart, kEnd));
  return true;
}

// The part of a text that start and end, in characters, leave; *offset: of its first character.
bool part(Run& run, const Value& self, const Value& start, const Value& end, Value* out, int64_t* offset) {
  const Value parts[3] = {is_given(start) ? start : Value::none(), is_given(end) ? end : Value::none(), Value::none()};
  if (!run.slice(self, parts, out)) return false;
  *offset = static_cast<int64_t>(count_characters(self.view().substr(0, static_cast<size_t>(out->text - self.text))));
  return true;
}

template <bool kEnd>
bool starts_or_ends(Run& run, const Value& self, const Value* arguments, Value* out) {
  Value some;
  int64_t offset = 0;
  const Value wanted = arguments[0];
  if (!part(run, self, arguments[1], arguments[2], &some, &offset)) return false;
  const Value* candidates = wanted.is(Kind::tuple) ? wanted.items_at : &wanted;
  bool found = false;
  for (size_t i = 0; i < (wanted.is(Kind::tuple) ? wanted.size : 1u); ++i) {
    if (!candidates[i].is_string()) return run.fail("startswith and endswith take texts");
    found |= kEnd ? some.view().ends_with(candidates[i].view()) : some.view().starts_with(candidates[i].view());
  }
  *out = Value::boolean(found);
  return true;
}

template <bool kFromEnd, bool kMustBe>
bool find(Run& run, const Value& self, const Value* arguments, Value* out) {
  Value some;
  int64_t offset = 0;
  std::string_view wanted;
  if (!text_argument(run, arguments[0], {}, &wanted) || !part(run, self, arguments[1], arguments[2], &some, &offset)) {
    return false;
  }
  const size_t at = kFromEnd ? some.view().rfind(wanted) : some.view().find(wanted);
  if (at == std::string_view::npos) {
    *out = Value::integer_of(-1);
    return !kMustBe || run.fail("index does not find the text");
  }
  *out = Value::integer_of(offset + static_cast<int64_t>(count_characters(some.view().substr(0, at))));
  return run.charge_text(self.size);
}

bool count(Run& run, const Value& self, const Value* arguments, Value* out) {
  Value some;
  int64_t offset = 0, found = 0;
  std::string_view wanted;
  if (!text_argument(run, arguments[0], {}, &wanted) || !part(run, self, arguments[1], arguments[2], &some, &offset)) {
    return false;
  }
  const std::string_view text = some.view();
  if (wanted.empty()) found = static_cast<int64_t>(count_characters(text)) + 1;
  for (size_t at = wanted.empty() ? text.npos : text.find(wanted); at != text.npos; at = text.find(wanted,
      at + wanted.size())) ++found;
  *out = Value::integer_of(found);
  return run.charge_text(self.size);
}

bool replace_method(Run& run, const Value& self, const Value* arguments, Value* out) {
  std::string_view from, to;
  int64_t times = -1;
  return text_argument(run, arguments[0], {}, &from) && text_argument(run, arguments[1], {}, &to) &&
         integer_argument(run, arguments[2], -1, &times) && run.charge_text(self.size) &&
         replace(run, self.view(), from, to, times, out);
}

// At white space, runs of which are one, at most `limit` times.
std::vector<Value> words_of(std::string_view text, int64_t limit) {
  std::vector<Value> words;
  text = stripped(text, true, false);
  while (!text.empty() && limit-- != 0) {
    size_t end = 0, next = 0;
    while (end < text.size() && !is_space(utf8_next(text, &next))) end = next;
    words.push_back(Value::string(text.substr(0, end)));
    text = stripped(text.substr(end), true, false);
  }
  if (!text.empty()) words.push_back(Value::string(text));
  return words;
}

std::vector<Value> words_from_end(std::string_view text, int64_t limit) {
  std::vector<Value> words;
  text = stripped(text, false, true);
  while (!text.empty() && limit-- != 0) {
    size_t begin = text.size();
    while (begin > 0) {
      const size_t start = utf8_start_before(text, begin);
      size_t next = start;
      if (is_space(utf8_next(text, &next))) break;
      begin = start;
    }
    words.push_back(Value::string(text.substr(begin)));
    text = stripped(text.substr(0, begin), false, true);
  }
  if (!text.empty()) words.push_back(Value::string(text));
  std::reverse(words.begin(), words.end());
  return words;
}

template <bool kFromEnd>
bool split(Run& run, const Value& self, const Value* arguments, Value* out) {
  std::string_view separator, text = self.view();
  int64_t limit = -1;
  if (!optional_text(run, arguments[0], &separator) || !integer_argument(run, arguments[1], -1, &limit)) return false;
  if (!run.charge_text(size_t{self.size} * 4)) return false;
  if (!is_given(arguments[0])) {
    return run.copied_sequence(Kind::list, kFromEnd ? words_from_end(text, limit) : words_of(text, limit), out);
  }
  if (separator.empty()) return run.fail("a text cannot be split at nothing");
  std::vector<Value> parts;
  while (limit-- != 0) {
    const size_t at = kFromEnd ? text.rfind(separator) : text.find(separator);
    if (at == std::string_view::npos) break;
    parts.push_back(Value::string(kFromEnd ? text.substr(at + separator.size()) : text.substr(0, at)));
    text = kFromEnd ? text.substr(0, at) : text.substr(at + separator.size());
  }
  parts.push_back(Value::string(text));
  if (kFromEnd) std::reverse(parts.begin(), parts.end());
  return run.copied_sequence(Kind::list, parts, out);
}

bool split_lines_method(Run& run, const Value& self, const Value* arguments, Value* out) {
  return split_lines(run, self.view(), truth_argument(run, arguments[0], false), out);
}

template <bool kFromEnd>
bool partition(Run& run, const Value& self, const Value* arguments, Value* out) {
  std::string_view separator;
  if (!text_argument(run, arguments[0], {}, &separator)) return false;
  if (separator.empty()) return run.fail("a text cannot be split at nothing");
  const std::string_view text = self.view();
  const size_t at = kFromEnd ? text.rfind(separator) : text.find(separator);
  Value parts[3] = {Value::string(text), Value::string(""), Value::string("")};
  if (kFromEnd) std::swap(parts[0], parts[2]);
  if (at != std::string_view::npos) {
    parts[0] = Value::string(text.substr(0, at));
    parts[1] = Value::string(text.substr(at, separator.size()));
    parts[2] = Value::string(text.substr(at + separator.size()));
  }
  return run.charge_text(self.size) && run.copied_sequence(Kind::tuple, parts, out);
}

bool join_method(Run& run, const Value& self, const Value* arguments, Value* out) {
  std::span<const Value> items;
  return run.iterate(arguments[0], &items) && join(run, self.view(), items, true, out);
}

template <bool kEnd>
bool remove_affix(Run& run, const Value& self, const Value* arguments, Value* out) {
  std::string_view affix, text = self.view();
  if (!text_argument(run, arguments[0], {}, &affix)) return false;
  if (!kEnd && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (kEnd && text.ends_with(affix)) text.remove_suffix(affix.size());
  *out = Value::string(text);
  return true;
}

template <Side kSide>
bool fill_method(Run& run, const Value& self, const Value* arguments, Value* out) {
  int64_t width = 0;
  std::string_view with;
  return integer_argument(run, arguments[0], 0, &width) && text_argument(run, arguments[1], " ", &with) &&
         fill(run, self.view(), width, with, kSide, out);
}

bool fill_zeros(Run& run, const Value& self, const Value* arguments, Value* out) {
  int64_t width = 0;
  std::string_view text = self.view();
  if (!integer_argument(run, arguments[0], 0, &width)) return false;
  const bool has_sign = text.starts_with('-') || text.starts_with('+');
  Value filled;
  if (!fill(run, text.substr(has_sign), width - has_sign, "0", Side::right, &filled)) return false;
  return run.text(std::string(text.substr(0, has_sign)) + std::string(filled.view()), out);
}

bool expand_tabs(Run& run, const Value& self, const Value* arguments, Value* out) {
  int64_t size = 8, column = 0;
  if (!integer_argument(run, arguments[0], 8, &size)) return false;
  size = std::clamp<int64_t>(size, 0, 1000);
  std::string expanded;
  for (size_t at = 0; at < self.size;) {
    const size_t begin = at;
    const char32_t c = utf8_next(self.view(), &at);
    if (c == '\t') {
      const int64_t blanks = size == 0 ? 0 : size - column % size;
      expanded.append(static_cast<size_t>(blanks), ' ');
      column += blanks;
    } else {
      expanded += self.view().substr(begin, at - begin);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
    if (!run.room(expanded.size())) return false;
  }
  return run.text(expanded, out);
}

bool format(Run& run, const Value& self, const Arguments& arguments, Value* out) {
  return format_braces(run, self.view(), arguments, out);
}

bool format_map(Run& run, const Value& self, const Value* arguments, Value* out) {
  if (!arguments[0].is(Kind::mapping)) return run.fail("format_map takes a mapping");
  std::vector<Named> named;
  for (uint32_t i = 0; i < arguments[0].mapping->count; ++i) {
    const Entry& entry = arguments[0].mapping->entries[i];
    if (entry.key.is_string()) named.push_back({entry.key.view(), entry.value});
  }
  return format_braces(run, self.view(), {{}, named}, out);
}

bool refused(Run& run, const Value&, const Arguments&, Value*) {
  return run.fail("this method gives bytes or tables of characters: mica has it not");
}

constexpr Method kMethods[] = {
    {"capitalize", "", mapped<capitalized>},
    {"casefold", "", mapped<folded_case>},
    {"center", "/ width fillchar?", fill_method<Side::center>},
    {"count", "/ sub start? end?", count},
    {"encode", "*", nullptr, refused},
    {"endswith", "/ suffix start? end?", starts_or_ends<true>},
    {"expandtabs", "tabsize?", expand_tabs},
    {"find", "/ sub start? end?", find<false, false>},
    {"format", "*", nullptr, format},
    {"format_map", "/ mapping", format_map},
    {"index", "/ sub start? end?", find<false, true>},
    {"isalnum", "", all_are<is_alphanumeric>},
    {"isalpha", "", all_are<is_letter>},
    {"isascii", "", is_ascii},
    {"isdecimal", "", all_are<is_decimal>},
    {"isdigit", "", all_are<is_digit_like>},
    {"isidentifier", "", is_identifier},
    {"islower", "", has_case<false>},
    {"isnumeric", "", all_are<is_numeric>},
    {"isprintable", "", is_printable_text},
    {"isspace", "", all_are<is_space>},
    {"istitle", "", is_title},
    {"isupper", "", has_case<true>},
    {"join", "/ iterable", join_method},
    {"ljust", "/ width fillchar?", fill_method<Side::left>},
    {"lower", "", mapped<lower_case>},
    {"lstrip", "/ chars?", strip<true, false>},
    {"maketrans", "*", nullptr, refused},
    {"partition", "/ sep", partition<false>},
    {"removeprefix", "/ prefix", remove_affix<false>},
    {"removesuffix", "/ suffix", remove_affix<true>},
    {"replace", "/ old new count?", replace_method},
    {"rfind", "/ sub start? end?", find<true, false>},
    {"rindex", "/ sub start? end?", find<true, true>},
    {"rjust", "/ width fillchar?", fill_method<Side::right>},
    {"rpartition", "/ sep", partition<true>},
    {"rsplit", "sep? maxsplit?", split<true>},
    {"rstrip", "/ chars?", strip<false, true>},
    {"split", "sep? maxsplit?", split<false>},
    {"splitlines", "keepends?", split_lines_method},
    {"startswith", "/ prefix start? end?", starts_or_ends<false>},
    {"strip", "/ chars?", strip<true, true>},
    {"swapcase", "", mapped<swapped_case>},
    {"title", "", mapped<title_case>},
    {"translate", "*", nullptr, refused},
    {"upper", "", mapped<upper_case>},
    {"zfill", "/ width", fill_zeros},
};

}  // namespace

std::span<const Method> string_methods() { return kMethods; }

}  // namespace mica::jinja
