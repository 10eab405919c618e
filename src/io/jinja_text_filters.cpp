// Filters over text. See jinja_tables.hpp.
#include <algorithm>
#include <string>
#include <vector>

#include "jinja_arguments.hpp"
#include "jinja_number.hpp"
#include "jinja_tables.hpp"
#include "jinja_text.hpp"
#include "utf8.hpp"

namespace mica::jinja {

bool replace(Run& run, std::string_view text, std::string_view from, std::string_view to, int64_t count, Value* out) {
  std::string replaced;
  size_t at = 0;
  const uint64_t limit = count < 0 ? UINT64_MAX : static_cast<uint64_t>(count);
  for (uint64_t done = 0; done < limit; ++done) {
    size_t found = 0;
    if (from.empty()) {
      // Before every character, and at the end.
      if (done > 0) {
        if (at == text.size()) break;
        size_t next = at;
        utf8_next(text, &next);
        replaced += text.substr(at, next - at);
        at = next;
      }
      replaced += to;
    } else {
      found = text.find(from, at);
      if (found == std::string_view::npos) break;
      replaced += text.substr(at, found - at);
      replaced += to;
      at = found + from.size();
    }
    if (!run.room(replaced.size()) || !run.charge_text(to.size())) return false;
  }
  replaced += text.substr(at);
  return run.room(replaced.size()) && run.text(replaced, out);
}

bool fill(Run& run, std::string_view text, int64_t width, std::string_view with, Side stands, Value* out) {
  if (count_characters(with) != 1) return run.fail("a text is filled up with one character");
  const auto length = static_cast<int64_t>(count_characters(text));
  if (width > length && !run.room(static_cast<size_t>(width - length) * with.size() + text.size())) return false;
  const int64_t missing = std::max<int64_t>(width - length, 0);
  int64_t before = stands == Side::left ? 0 : missing;
  if (stands == Side::center) before = missing / 2 + (missing & width & 1);
  std::string filled;
  for (int64_t i = 0; i < before; ++i) filled += with;
  filled += text;
  for (int64_t i = before; i < missing; ++i) filled += with;
  return run.text(filled, out);
}

bool split_lines(Run& run, std::string_view text, bool keep_ends, Value* out) {
  std::vector<Value> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at;
    const char32_t c = utf8_next(text, &at);
    const bool is_end = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!is_end) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(Value::string(text.substr(begin, (keep_ends ? at : end) - begin)));
    begin = at;
  }
  if (begin < text.size()) lines.push_back(Value::string(text.substr(begin)));
  return run.charge_text(text.size()) && run.copied_sequence(Kind::list, lines, out);
}

bool join(Run& run, std::string_view separator, std::span<const Value> items, bool texts_alone, Value* out) {
  std::string joined;
  for (size_t i = 0; i < items.size(); ++i) {
    if (texts_alone && !items[i].is_string()) return run.fail("join takes texts, not %s", run.describe(items[i]));
    if (i > 0) joined += separator;
    if (!run.charge_text(separator.size()) || !run.print(items[i], &joined)) return false;
  }
  return run.room(joined.size()) && run.text(joined, out);
}

namespace {

// A filter that makes one text of another.
template <std::string (*kMap)(std::string_view)>
bool mapped(Run& run, const Value& subject, const Value*, Value* out) {
  std::string_view text;
  return run.as_text(subject, &text) && run.charge_text(text.size() * 4) &&
         run.text(kMap(text), out, subject.is_string() && subject.marked);
}

// Words begin behind hyphens, white space and opening brackets, unlike those of str.title().
std::string title_words(std::string_view text) {
  std::string out, word;
  const auto end_word = [&] {
    if (word.empty()) return;
    size_t first = 0;
    utf8_next(word, &first);
    out += upper_case(std::string_view(word).substr(0, first)) + lower_case(std::string_view(word).substr(first));
    word.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = utf8_next(text, &at);
    const std::string_view letter = text.substr(begin, at - begin);
    if (is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<') {
      end_word();
      out += letter;
    } else {
      word += letter;
    }
  }
  end_word();
  return out;
}

bool trim(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::string_view text, set;
  if (!run.as_text(subject, &text) || !optional_text(run, arguments[0], &set)) return false;
  if (!run.charge_text(text.size() * (1 + set.size()))) return false;
  *out = Value::string(is_given(arguments[0]) ? stripped_of(text, set, true, true) : stripped(text, true, true),
                       subject.is_string() && subject.marked);
  return true;
}

bool replace_filter(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::string_view text, from, to;
  int64_t count = -1;
  return run.as_text(subject, &text) && run.as_text(arguments[0], &from) && run.as_text(arguments[1], &to) &&
         integer_argument(run, arguments[2], -1, &count) && run.charge_text(text.size()) &&
         replace(run, text, from, to, count, out);
}

bool center(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::string_view text;
  int64_t width = 80;
  return run.as_text(subject, &text) && integer_argument(run, arguments[0], 80, &width) &&
         fill(run, text, width, " ", Side::center, out);
}

bool indent(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::string_view text;
  std::string by;
  int64_t width = 4;
  if (!text_argument(run, subject, {}, &text)) return false;
  if (!is_given(subject)) return run.fail("indent takes a text");
  if (arguments[0].is_string()) by = arguments[0].view();
  else if (!integer_argument(run, arguments[0], 4, &width) ||
           !run.room(static_cast<size_t>(std::max<int64_t>(width, 0)))) return false;
  else by.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  const bool first = truth_argument(run, arguments[1], false), blank = truth_argument(run, arguments[2], false);
  Value lines;
  std::string with_end(text);
  with_end += '\n';
  if (!split_lines(run, with_end, false, &lines)) return false;
  std::string indented = first ? by : "";
  for (uint32_t i = 0; i < lines.size; ++i) {
    const std::string_view line = lines.items_at[i].view();
    if (i > 0) indented += '\n';
    if (i > 0 && (blank || !line.empty())) indented += by;
    indented += line;
    if (!run.room(indented.size()) || !run.charge_text(by.size())) return false;
  }
  return run.text(indented, out, subject.marked);
}

bool truncate(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::string_view text, end;
  int64_t length = 255, leeway = 5;
  if (!text_argument(run, subject, {}, &text) || !integer_argument(run, arguments[0], 255, &length) ||
      !text_argument(run, arguments[2], "...", &end) || !integer_argument(run, arguments[3], 5, &leeway)) {
    return false;
  }
  const auto end_length = static_cast<int64_t>(count_characters(end));
  if (length < end_length || leeway < 0) return run.fail("truncate to fewer characters than its end has");
  *out = subject;
  const auto whole = static_cast<int64_t>(count_characters(text));
  if (whole - leeway <= length) return true;
  std::string_view kept = text.substr(0, offset_of(text, static_cast<size_t>(length - end_length)));
  if (!truth_argument(run, arguments[1], false)) kept = kept.substr(0, kept.rfind(' '));
  return run.text(std::string(kept) + std::string(end), out);
}

bool format(Run& run, const Value& subject, const Arguments& arguments, Value* out) {
  std::string_view text;
  Value values;
  if (!arguments.plain.empty() && !arguments.named.empty()) {
    return run.fail("format takes values with names or without");
  }
  if (!run.as_text(subject, &text)) return false;
  if (arguments.named.empty()) {
    return run.copied_sequence(Kind::tuple, arguments.plain, &values) && format_percent(run, text, values, out);
  }
  std::vector<Entry> entries;
  for (const Named& one : arguments.named) entries.push_back({Value::string(one.name), one.value});
  return run.mapping(entries, Kind::mapping, &values) && format_percent(run, text, values, out);
}

bool escape(Run& run, const Value& subject, const Value*, Value* out) { return run.escape_html(subject, out); }

bool force_escape(Run& run, const Value& subject, const Value*, Value* out) {
  Value plain = subject;
  plain.marked = false;
  return run.escape_html(plain, out);
}

bool safe(Run& run, const Value& subject, const Value*, Value* out) {
  std::string_view text;
  if (!run.as_text(subject, &text)) return false;
  *out = Value::string(text, true);
  return true;
}

bool string(Run& run, const Value& subject, const Value*, Value* out) {
  std::string_view text;
  if (!run.as_text(subject, &text)) return false;
  *out = Value::string(text, subject.is_string() && subject.marked);
  return true;
}

bool word_count(Run& run, const Value& subject, const Value*, Value* out) {
  std::string_view text;
  if (!run.as_text(subject, &text) || !run.charge_text(text.size())) return false;
  int64_t words = 0;
  bool in_word = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = utf8_next(text, &at);
    const bool is_word = c == '_' || is_letter(c) || is_numeric(c);
    words += is_word && !in_word;
    in_word = is_word;
  }
  *out = Value::integer_of(words);
  return true;
}

void append_quoted(std::string_view text, std::string_view also_plain, std::string* out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                          std::string_view("_.-~").find(c) != std::string_view::npos ||
                          also_plain.find(c) != std::string_view::npos;
    if (is_plain) *out += c;
    else *out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
}

bool url_encode(Run& run, const Value& subject, const Value*, Value* out) {
  std::string quoted;
  std::string_view text;
  if (subject.is_string() || subject.is_number() || subject.is(Kind::none)) {
    if (!run.as_text(subject, &text) || !run.charge_text(text.size())) return false;
    append_quoted(text, "/", &quoted);
    return run.room(quoted.size()) && run.text(quoted, out);
  }
  Value pairs = subject;
  std::span<const Value> items;
  if (subject.is(Kind::mapping)) pairs.kind = Kind::items;
  if (!run.iterate(pairs, &items)) return false;
  for (const Value& pair : items) {
    std::span<const Value> two;
    if (!run.iterate(pair, &two)) return false;
    if (two.size() != 2) return run.fail("urlencode takes pairs");
    if (!quoted.empty()) quoted += '&';
    for (size_t i = 0; i < 2; ++i) {
      std::string part;
      if (!run.as_text(two[i], &text)) return false;
      append_quoted(text, " ", &part);  // a blank is a plus in a query
      std::replace(part.begin(), part.end(), ' ', '+');
      quoted += (i > 0 ? "=" : "") + part;
    }
    if (!run.room(quoted.size())) return false;
  }
  return run.text(quoted, out);
}

bool strip_tags(Run& run, const Value& subject, const Value*, Value* out) {
  std::string_view text;
  if (!run.as_text(subject, &text) || !run.charge_text(text.size())) return false;
  std::string plain;
  bool blank = false;
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const size_t end = rest.starts_with("<!--") ? rest.find("-->") : rest.starts_with("<") ? rest.find('>') : 0;
    if (end != 0 && end != std::string_view::npos) {
      at += end + (rest.starts_with("<!--") ? 3 : 1);
      continue;
    }
    const size_t begin = at;
    if (is_space(utf8_next(text, &at))) {
      blank = !plain.empty();
      continue;
    }
    if (blank) plain += ' ';
    blank = false;
    plain += text.substr(begin, at - begin);
  }
  return run.text(plain, out);
}

bool file_size(Run& run, const Value& subject, const Value* arguments, Value* out) {
  double bytes = 0;
  if (subject.is_number()) bytes = subject.number();
  else if (!subject.is_string() || !parse_real(subject.view(),
                                               &bytes)) return run.fail("filesizeformat takes a number");
  const bool binary = truth_argument(run, arguments[0], false);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return run.text("1 Byte", out);
  if (bytes < base) return run.text(integer_text(static_cast<Integer>(bytes)) + " Bytes", out);
  constexpr char kPrefixes[] = "kMGTPEZY";
  double unit = base;
  size_t place = 0;
  while (bytes >= unit * base && place + 2 < sizeof(kPrefixes)) {
    unit *= base;
    ++place;
  }
  const char prefix = binary && place == 0 ? 'K' : kPrefixes[place];
  return run.text(real_text(bytes / unit, 'f', 1) + " " + prefix + (binary ? "iB" : "B"), out);
}

bool refused(Run& run, const Value&, const Arguments&, Value*) {
  return run.fail("this filter is for web pages or gives values by chance: mica has it not");
}

constexpr Filter kFilters[] = {
    {"upper", "", mapped<upper_case>},
    {"lower", "", mapped<lower_case>},
    {"capitalize", "", mapped<capitalized>},
    {"title", "", mapped<title_words>},
    {"trim", "chars?", trim},
    {"replace", "old new count?", replace_filter},
    {"center", "width?", center},
    {"indent", "width? first? blank?", indent},
    {"truncate", "length? killwords? end? leeway?", truncate},
    {"format", "*", nullptr, format},
    {"e", "", escape},
    {"escape", "", escape},
    {"forceescape", "", force_escape},
    {"safe", "", safe},
    {"string", "", string},
    {"wordcount", "", word_count},
    {"urlencode", "", url_encode},
    {"striptags", "", strip_tags},
    {"filesizeformat", "binary?", file_size},
    {"wordwrap", "*", nullptr, refused},
    {"pprint", "*", nullptr, refused},
    {"random", "*", nullptr, refused},
    {"urlize", "*", nullptr, refused},
    {"xmlattr", "*", nullptr, refused},
};

}  // namespace

std::span<const Filter> text_filters() { return kFilters; }

}  // namespace mica::jinja
