// Reading and printing numbers, see jinja_number.hpp.
#include "jinja_number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "jinja_text.hpp"
#include "limits.hpp"

namespace mica::jinja {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char letter = static_cast<char>(c | 0x20);
  return letter >= 'a' && letter <= 'z' ? letter - 'a' + 10 : 36;
}

// Underscores stand between digits alone.
bool without_underscores(std::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out->push_back(text[i]);
      continue;
    }
    const bool between = i > 0 && i + 1 < text.size() && digit_of(text[i - 1]) < 36 && digit_of(text[i + 1]) < 36;
    if (!between) return false;
  }
  return true;
}

std::string_view without_sign(std::string_view text, bool* is_negative) {
  *is_negative = text.starts_with('-');
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text;
}

}  // namespace

bool read_integer(std::string_view digits, int base, Integer* out) {
  Integer number = 0;
  for (char c : digits) {
    const int digit = digit_of(c);
    if (digit >= base || __builtin_mul_overflow(number, Integer{base}, &number) ||
        __builtin_add_overflow(number, Integer{digit}, &number)) {
      return false;
    }
  }
  *out = number;
  return !digits.empty();
}

bool read_real(std::string_view text, double* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  if (end != text.data() + text.size() || text.empty()) return false;
  if (error == std::errc::result_out_of_range) {
    const size_t exponent = text.find_first_of("eE");
    const bool is_small = exponent != std::string_view::npos && text.substr(exponent + 1).starts_with('-');
    *out = is_small ? 0 : HUGE_VAL;
    return true;
  }
  return error == std::errc();
}

bool parse_integer(std::string_view text, int base, Integer* out) {
  std::string plain;
  bool is_negative = false;
  text = without_sign(stripped(text, true, true), &is_negative);
  const char letter = static_cast<char>(text.size() > 1 && text[0] == '0' ? text[1] | 0x20 : '\0');
  const int prefix = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  if (prefix != 0 && (base == prefix || base == 0)) {
    text.remove_prefix(2);
    if (text.starts_with('_')) text.remove_prefix(1);
    base = prefix;
  }
  if (base == 0) {
    base = 10;
    if (text.size() > 1 && text[0] == '0' && text.find_first_not_of("0_") != std::string_view::npos) return false;
  }
  if (base < 2 || base > 36 || !without_underscores(text, &plain) || !read_integer(plain, base, out)) return false;
  if (is_negative) *out = -*out;
  return true;
}

bool parse_real(std::string_view text, double* out) {
  std::string plain;
  bool is_negative = false;
  text = without_sign(stripped(text, true, true), &is_negative);
  if (text.empty() || text[0] == '-' || text[0] == '+' || !without_underscores(text, &plain)) return false;
  const std::string lower = lower_case(plain);
  if (lower == "nan") {
    *out = std::nan("");
  } else if (lower == "inf" || lower == "infinity") {
    *out = HUGE_VAL;
  } else if (digit_of(plain[0]) > 9 && plain[0] != '.') {
    return false;
  } else if (!read_real(plain, out)) {
    return false;
  }
  if (is_negative) *out = -*out;
  return true;
}

bool integer_value(Heap* heap, Integer number, Value* out) {
  if (number >= INT64_MIN && number <= INT64_MAX) {
    *out = Value::integer_of(static_cast<int64_t>(number));
    return true;
  }
  Integer* kept = heap->make<Integer>();
  if (kept == nullptr) return false;
  *kept = number;
  *out = Value::of(Kind::wide);
  out->wide = kept;
  return true;
}

std::string integer_text(Integer number, int base) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string reversed;
  const bool is_negative = number < 0;
  do {
    const int digit = static_cast<int>(number % base);
    reversed += kDigits[digit < 0 ? -digit : digit];
    number /= base;
  } while (number != 0);
  if (is_negative) reversed += '-';
  return {reversed.rbegin(), reversed.rend()};
}

std::string real_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  // The shortest digits that give this number again, laid out as Python does: with an exponent below 1e-4 and from
  // 1e16.
  char text[64];
  const auto result = std::to_chars(text, text + sizeof(text), number, std::chars_format::scientific);
  const std::string_view written(text, static_cast<size_t>(result.ptr - text));
  const size_t e = written.find('e');
  std::string digits;
  for (char c : written.substr(0, e))
    if (c >= '0' && c <= '9') digits += c;
  const int exponent = std::atoi(std::string(written.substr(e + 1)).c_str());
  std::string out = std::signbit(number) ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    const std::string magnitude = std::to_string(std::abs(exponent));
    return out + (exponent < 0 ? "e-" : "e+") + (magnitude.size() < 2 ? "0" : "") + magnitude;
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) return out + digits + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  const auto whole = static_cast<size_t>(exponent) + 1;
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string real_text(double number, char form, int precision) {
  if (!std::isfinite(number)) return real_text(number);
  constexpr size_t kWholeDigitsMax = 320;  // of the largest number
  std::string text(kWholeDigitsMax + static_cast<size_t>(limits::kTemplateDecimalsMax), '\0');
  const auto style = form == 'f'   ? std::chars_format::fixed
                     : form == 'e' ? std::chars_format::scientific
                                   : std::chars_format::general;
  precision = std::clamp(precision, 0, limits::kTemplateDecimalsMax);
  const auto result = std::to_chars(text.data(), text.data() + text.size(), number, style, precision);
  text.resize(static_cast<size_t>(result.ptr - text.data()));
  return text;
}

}  // namespace mica::jinja
