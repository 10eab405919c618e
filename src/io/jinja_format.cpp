// Formats of Python: the operator % and str.format. See jinja_tables.hpp.
#include <algorithm>
#include <cmath>
#include <string>

#include "jinja_arguments.hpp"
#include "jinja_number.hpp"
#include "jinja_tables.hpp"
#include "jinja_text.hpp"
#include "utf8.hpp"

namespace mica::jinja {
namespace {

// How one value is shown, in the words of both formats.
struct Spec {
  std::string_view filling = " ";
  char align = '\0';  // < > ^ =
  char sign = '-';
  bool alternate = false;
  char thousands = '\0';
  int64_t width = 0;
  int64_t precision = -1;
  char type = '\0';
};

constexpr int64_t kWidthMax = static_cast<int64_t>(limits::kPromptBytesMax);

// Digits at *at, no more than a width may have.
bool read_width(std::string_view text, size_t* at, int64_t* out) {
  if (*at >= text.size() || text[*at] < '0' || text[*at] > '9') return false;
  *out = 0;
  for (; *at < text.size() && text[*at] >= '0' && text[*at] <= '9'; ++*at)
    *out = std::min<int64_t>(*out * 10 + (text[*at] - '0'), kWidthMax + 1);
  return true;
}

bool padded(Run& run, std::string_view sign, std::string_view text, const Spec& spec, char align, std::string* out) {
  const auto length = static_cast<int64_t>(count_characters(sign) + count_characters(text));
  const int64_t missing = std::max<int64_t>(spec.width - length, 0);
  if (!run.room(out->size() + text.size() + static_cast<size_t>(missing) * spec.filling.size())) return false;
  const int64_t before = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  const auto fill = [&](int64_t count) {
    for (; count > 0; --count) *out += spec.filling;
  };
  if (align == '=') *out += sign;
  fill(before);
  if (align != '=') *out += sign;
  *out += text;
  fill(missing - before);
  return run.charge_text(static_cast<size_t>(missing) + text.size());
}

std::string with_thousands(const std::string& digits, char separator) {
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && i < whole && (whole - i) % 3 == 0) out += separator;
    out += digits[i];
  }
  return out;
}

bool format_number(Run& run, const Value& value, const Spec& spec, std::string* out) {
  const bool is_real_type = std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos && spec.type != '\0';
  if (spec.precision > limits::kTemplateDecimalsMax) {
    return run.fail("a format has more than %d decimals", limits::kTemplateDecimalsMax);
  }
  std::string digits;
  bool is_negative = false;
  if (value.is_whole() && !is_real_type) {
    const int base = spec.type == 'x' || spec.type == 'X' ? 16 : spec.type == 'o' ? 8 : spec.type == 'b' ? 2 : 10;
    const Integer whole = value.whole();
    is_negative = whole < 0;
    digits = integer_text(whole, base).substr(is_negative);
    const size_t digits_min = static_cast<size_t>(std::max<int64_t>(spec.precision, 0));
    if (digits_min > digits.size()) digits.insert(0, digits_min - digits.size(), '0');
    if (spec.alternate && base != 10) digits.insert(0, base == 16 ? "0x" : base == 8 ? "0o" : "0b");
  } else {
    double number = value.number();
    is_negative = std::signbit(number) && !std::isnan(number);
    number = std::fabs(number);
    if (spec.type == '%') number *= 100;
    const char form = spec.type == '%' ? 'f' : spec.type == '\0' ? 'g' : static_cast<char>(spec.type | 0x20);
    const int precision = static_cast<int>(spec.precision < 0 ? 6 : spec.precision);
    digits = spec.type == '\0' && spec.precision < 0 ? real_text(number) : real_text(number, form, precision);
    const bool is_short = spec.type == '\0' && spec.precision >= 0;
    if (is_short && digits.find_first_not_of("0123456789") == std::string::npos) digits += ".0";
    if (spec.type == '%') digits += '%';
  }
  if (spec.type == 'X' || spec.type == 'E' || spec.type == 'G' || spec.type == 'F')
    for (char& c : digits) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  if (spec.thousands != '\0') digits = with_thousands(digits, spec.thousands);
  const char* sign = is_negative ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
  return padded(run, sign, digits, spec, spec.align == '\0' ? '>' : spec.align, out);
}

// The character that a number stands for, as a text.
bool character_of(Run& run, const Value& number, Value* out) {
  const Integer code = number.whole();
  if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
    return run.fail("a number that is no character");
  std::string shown;
  utf8_append(static_cast<char32_t>(code), &shown);
  return run.text(shown, out);
}

// [[filling]align][sign][#][0][width][,][.precision][type]
bool read_spec(std::string_view text, Spec* spec) {
  size_t at = 0;
  const auto is_align = [&](size_t place) {
    return place < text.size() && std::string_view("<>^=").find(text[place]) != std::string_view::npos;
  };
  size_t first = 0;
  if (!text.empty()) utf8_next(text, &first);
  if (is_align(first) && first > 0) {
    spec->filling = text.substr(0, first);
    spec->align = text[first];
    at = first + 1;
  } else if (is_align(0)) {
    spec->align = text[at++];
  }
  const auto here = [&] { return at < text.size() ? text[at] : '\0'; };
  if (here() == '+' || here() == '-' || here() == ' ') spec->sign = text[at++];
  if (here() == '#') {
    spec->alternate = true;
    ++at;
  }
  if (here() == '0') {
    if (spec->align == '\0') {
      spec->filling = "0";
      spec->align = '=';
    }
    ++at;
  }
  read_width(text, &at, &spec->width);
  if (here() == ',' || here() == '_') spec->thousands = text[at++];
  if (here() == '.') {
    ++at;
    if (!read_width(text, &at, &spec->precision)) return false;
  }
  if (at < text.size()) spec->type = text[at++];
  return at == text.size();
}

bool format_value(Run& run, const Value& value, std::string_view text, std::string* out) {
  Spec spec;
  if (text.empty()) return run.print(value, out);
  if (!read_spec(text, &spec)) {
    return run.fail("a format of str.format is not right: %.*s", static_cast<int>(std::min<size_t>(text.size(), 40)),
                    text.data());
  }
  if (value.is_number()) {
    constexpr std::string_view kWhole("\0dxXobcneEfFgG%", 15), kReal("\0eEfFgGn%", 9);
    if ((value.is_whole() ? kWhole : kReal).find(spec.type) == std::string_view::npos) {
      return run.fail("a number has no format %c", spec.type);
    }
    if (spec.type == 'c') {
      Value character;
      return character_of(run, value, &character) &&
             padded(run, {}, character.view(), spec, spec.align == '\0' ? '<' : spec.align, out);
    }
    if (spec.type == 'n') spec.type = value.is_whole() ? 'd' : 'g';
    if (value.is_whole() && spec.precision >= 0 && (spec.type == '\0' || spec.type == 'd')) {
      return run.fail("an integer has no decimals");
    }
    return format_number(run, value, spec, out);
  }
  if (!value.is_string()) return run.fail("%s has no format", run.describe(value));
  std::string_view shown;
  if (spec.type != '\0' && spec.type != 's') return run.fail("a text has no format %c", spec.type);
  if (spec.align == '=' && spec.filling != "0") return run.fail("a text has no sign");
  if (!run.as_text(value, &shown)) return false;
  if (spec.precision >= 0) shown = shown.substr(0, offset_of(shown, static_cast<size_t>(spec.precision)));
  return padded(run, {}, shown, spec, spec.align == '\0' || spec.align == '=' ? '<' : spec.align, out);
}

// str.format over one text.
struct Braces {
  Run& run;
  const Arguments& arguments;
  size_t next_place = 0;

  // "0.name[key]": what stands between braces before ! and :.
  bool field(std::string_view name, Value* out) {
    const size_t end = std::min(name.find_first_of(".["), name.size());
    std::string_view first = name.substr(0, end), rest = name.substr(end);
    Integer place = static_cast<Integer>(next_place);
    const bool is_place = first.empty() || read_integer(first, 10, &place);
    if (first.empty()) ++next_place;
    const auto named = std::find_if(arguments.named.begin(), arguments.named.end(), [&](const Named& one) {
        return one.name == first; });
    if (is_place ? place >= static_cast<Integer>(arguments.plain.size()) : named == arguments.named.end()) {
      return run.fail("a text is formatted without the value that it asks for");
    }
    *out = is_place ? arguments.plain[static_cast<size_t>(place)] : named->value;
    while (!rest.empty()) {
      const bool is_attribute = rest[0] == '.';
      const size_t stop = std::min(is_attribute ? rest.find_first_of(".[", 1) : rest.find(']'), rest.size());
      const std::string_view key = rest.substr(1, stop - std::min<size_t>(stop, 1));
      Integer number = 0;
      Value key_value = Value::string(key);
      if (!is_attribute && read_integer(key, 10, &number) && !run.integer(number, &key_value)) return false;
      if (!(is_attribute ? run.attribute(*out, key, out) : run.item(*out, key_value, out)) || !run.charge(1)) {
        return false;
      }
      if (out->is(Kind::undefined) && out->marked) return run.fail("%s", run.describe(*out));
      rest.remove_prefix(std::min(stop + !is_attribute, rest.size()));
    }
    return true;
  }

  bool one(std::string_view inner, int depth, std::string* out) {
    // A ! or : within [] belongs to the key.
    size_t end = 0;
    for (bool in_key = false; end < inner.size(); ++end) {
      if (inner[end] == '[' || inner[end] == ']') in_key = inner[end] == '[';
      if (!in_key && (inner[end] == ':' || inner[end] == '!')) break;
    }
    Value value;
    if (!field(inner.substr(0, end), &value)) return false;
    std::string_view rest = inner.substr(end);
    if (rest.starts_with('!')) {
      const char conversion = rest.size() > 1 ? rest[1] : '\0';
      std::string shown;
      if (conversion != 'r' && conversion != 's') return run.fail("a format of str.format is not right");
      if (!(conversion == 'r' ? run.represent(value, &shown) : run.print(value, &shown)) || !run.text(shown, &value)) {
        return false;
      }
      rest.remove_prefix(2);
      if (!rest.empty() && rest[0] != ':') return run.fail("a format of str.format is not right");
    }
    if (rest.starts_with(':')) rest.remove_prefix(1);
    std::string spec;
    return (depth > 1 ? (spec = rest, true) : all(rest, depth + 1, &spec)) && format_value(run, value, spec, out);
  }

  bool all(std::string_view text, int depth, std::string* out) {
    for (size_t at = 0; at < text.size();) {
      const char c = text[at];
      const bool doubled = at + 1 < text.size() && text[at + 1] == c;
      if ((c != '{' && c != '}') || (doubled && depth == 0)) {
        *out += c;
        at += c == '{' || c == '}' ? 2 : 1;
        continue;
      }
      if (c == '}') return run.fail("a } stands alone in a format");
      size_t end = at + 1;
      for (int open = 1; end < text.size(); ++end) {
        open += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
        if (open == 0) break;
      }
      if (end >= text.size()) return run.fail("a { stands alone in a format");
      if (!run.charge(1) || !one(text.substr(at + 1, end - at - 1), depth, out) || !run.room(out->size())) return false;
      at = end + 1;
    }
    return true;
  }
};

// The values of %, taken one after the other.
struct Percent {
  Run& run;
  const Value& arguments;
  uint32_t next = 0;

  bool take(Value* out) {
    if (arguments.is(Kind::tuple)) {
      if (next >= arguments.size) return run.fail("%% has fewer values than its text asks for");
      *out = arguments.items_at[next++];
      return true;
    }
    if (next++ > 0) return run.fail("%% has fewer values than its text asks for");
    *out = arguments;
    return true;
  }

  bool star_or_width(std::string_view format, size_t* at, int64_t* out) {
    if (*at < format.size() && format[*at] == '*') {
      Value value;
      ++*at;
      return take(&value) && integer_argument(run, value, 0, out);
    }
    read_width(format, at, out);
    return true;
  }

  bool show_text(const Value& value, Spec spec, std::string* out) {
    std::string shown;
    if (!(spec.type == 's' ? run.print(value, &shown) : run.represent(value, &shown))) return false;
    std::string_view kept = shown;
    if (spec.precision >= 0) kept = kept.substr(0, offset_of(kept, static_cast<size_t>(spec.precision)));
    spec.filling = " ";
    return padded(run, {}, kept, spec, spec.align == '<' ? '<' : '>', out);
  }

  bool show(Value value, Spec spec, std::string* out) {
    if (spec.type == 'c') {
      if (value.is_whole() && !character_of(run, value, &value)) return false;
      if (!value.is_string() || count_characters(value.view()) != 1) return run.fail("%%c takes a character");
      spec.type = 's';
    }
    if (spec.type == 's' || spec.type == 'r' || spec.type == 'a') return show_text(value, spec, out);
    constexpr std::string_view kTypes = "diuxXoeEfFgG";
    if (kTypes.find(spec.type) == std::string_view::npos) return run.fail("%% has no format %c", spec.type);
    if (!value.is_number()) return run.fail("%%%c takes a number, not %s", spec.type, run.describe(value));
    const bool is_whole = std::string_view("diuxXo").find(spec.type) != std::string_view::npos;
    if (is_whole && value.is(Kind::real)) {
      constexpr double kLargest = 1.7e38;
      if ((spec.type != 'd' && spec.type != 'i' && spec.type != 'u') || !(std::fabs(value.real) < kLargest)) {
        return run.fail("%%%c takes an integer", spec.type);
      }
      if (!run.integer(static_cast<Integer>(value.real), &value)) return false;
    }
    if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
    return format_number(run, value, spec, out);
  }

  bool one(std::string_view format, size_t* at, std::string* out) {
    Spec spec;
    Value value = Value::absent();
    if (*at < format.size() && format[*at] == '(') {
      const size_t end = format.find(')', *at);
      if (end == std::string_view::npos || !arguments.is(Kind::mapping)) return run.fail("%%(name) takes a mapping");
      if (!run.item(arguments, Value::string(format.substr(*at + 1, end - *at - 1)), &value)) return false;
      if (value.is(Kind::undefined)) return run.fail("%%(name) asks for what the mapping has not");
      *at = end + 1;
    }
    for (; *at < format.size() && std::string_view("-+ #0").find(format[*at]) != std::string_view::npos; ++*at) {
      const char flag = format[*at];
      if (flag == '-') spec.align = '<';
      else if (flag == '+' || (flag == ' ' && spec.sign != '+')) spec.sign = flag;
      else if (flag == '#') spec.alternate = true;
      else if (flag == '0' && spec.align == '\0') spec.filling = "0", spec.align = '=';
    }
    if (spec.align == '<') spec.filling = " ";
    if (!star_or_width(format, at, &spec.width)) return false;
    if (spec.width < 0) spec.align = '<', spec.width = spec.width < -kWidthMax ? kWidthMax + 1 : -spec.width;
    if (*at < format.size() && format[*at] == '.') {
      ++*at;
      spec.precision = 0;
      if (!star_or_width(format, at, &spec.precision)) return false;
    }
    while (*at < format.size() && std::string_view("hlL").find(format[*at]) != std::string_view::npos) ++*at;
    if (*at >= format.size()) return run.fail("a format of %% has no end");
    spec.type = format[(*at)++];
    if (spec.type == '%') {
      *out += '%';
      return true;
    }
    return (!value.is(Kind::absent) || take(&value)) && show(value, spec, out);
  }
};

}  // namespace

bool format_braces(Run& run, std::string_view format, const Arguments& arguments, Value* out) {
  std::string formatted;
  Braces braces{run, arguments};
  return run.charge_text(format.size() * 16) && braces.all(format, 0, &formatted) && run.text(formatted, out);
}

bool format_percent(Run& run, std::string_view format, const Value& arguments, Value* out) {
  std::string formatted;
  Percent percent{run, arguments};
  for (size_t at = 0; at < format.size();) {
    const size_t next = std::min(format.find('%', at), format.size());
    formatted += format.substr(at, next - at);
    at = next + 1;
    if (next == format.size()) break;
    if (!run.charge(1) || !percent.one(format, &at, &formatted) || !run.room(formatted.size())) return false;
  }
  // What has items by a key may be there for names that the text does not ask for.
  const bool has_keys = arguments.is(Kind::mapping) || arguments.is(Kind::list) || arguments.is(Kind::range) ||
                        arguments.is(Kind::undefined);
  const bool all_taken = arguments.is(Kind::tuple) ? percent.next == arguments.size : percent.next == 1 || has_keys;
  if (!all_taken) return run.fail("%% has more values than its text asks for");
  return run.charge_text(format.size()) && run.text(formatted, out);
}

}  // namespace mica::jinja
