// NumberRange: see number_range.hpp.
#include "number_range.hpp"

#include <algorithm>
#include <charconv>
#include <compare>

#include "pattern.hpp"

namespace mica {

namespace {

constexpr size_t kDigitsMax = 20;       // 64 bits have as many
constexpr size_t kDigitsExactMax = 15;  // different decimals of so many digits are different doubles

// How a number compares with a bound, as far as it is written.
struct Comparison {
  enum class Phase : uint8_t { begin, whole, part };
  Phase phase = Phase::begin;
  bool is_negative = false;
  uint16_t digits = 0;  // of this phase; one more than the bound has stands for all that are more
  int8_t order = 0;     // of the digits so far, without signs
  auto operator<=>(const Comparison&) const = default;
};

int8_t compare_digits(char32_t digit, char other) {
  const auto wanted = static_cast<char32_t>(other);
  return static_cast<int8_t>(digit < wanted ? -1 : digit > wanted ? 1 : 0);
}

class Comparer {
 public:
  explicit Comparer(const Decimal& bound) : bound_(bound) {}

  bool step(Comparison* at, char32_t character) const {
    using Phase = Comparison::Phase;
    if (character == '-') {
      at->is_negative = true;
      return at->phase == Phase::begin;
    }
    if (character == '.') {
      at->order = whole_order(*at);
      at->digits = 0;
      const bool is_whole = at->phase == Phase::whole;
      at->phase = Phase::part;
      return is_whole;
    }
    if (character < '0' || character > '9') return false;
    if (at->phase == Phase::part) {
      if (at->order != 0) return true;
      const size_t place = at->digits;
      at->order = compare_digits(character, place < bound_.part.size() ? bound_.part[place] : '0');
      at->digits = static_cast<uint16_t>(at->order != 0 ? 0 : std::min(place + 1, bound_.part.size()));
      return true;
    }
    at->phase = Phase::whole;
    if (at->digits < bound_.whole.size() && at->order == 0)
      at->order = compare_digits(character, bound_.whole[at->digits]);
    at->digits = static_cast<uint16_t>(std::min<size_t>(at->digits + 1u, bound_.whole.size() + 1));
    return true;
  }

  // Of the number that ends here against the bound: negative, zero or positive. Not at the beginning.
  int order(const Comparison& at) const {
    const bool is_part = at.phase == Comparison::Phase::part;
    int order = is_part ? at.order : whole_order(at);
    const size_t compared = is_part ? at.digits : 0;
    if (order == 0 && compared < bound_.part.size()) order = -1;
    const bool bound_is_zero = bound_.whole == "0" && bound_.part.empty();
    if (at.is_negative && !bound_.is_negative) return bound_is_zero && order == 0 ? 0 : -1;
    if (!at.is_negative && bound_.is_negative) return bound_is_zero && order == 0 ? 0 : 1;
    return at.is_negative ? -order : order;
  }

 private:
  int8_t whole_order(const Comparison& at) const {
    if (at.digits != bound_.whole.size()) return at.digits < bound_.whole.size() ? -1 : 1;
    return at.order;
  }

  const Decimal& bound_;
};

std::vector<char32_t> number_starts() {
  std::vector<char32_t> starts{'-', '.', '/', ':'};
  for (char32_t digit = '0'; digit <= '9'; ++digit) starts.push_back(digit);
  return starts;
}

Status keep_bound(const NumberRange::Bound& bound, int sign, RegularWork* work, Regular* numbers) {
  const Comparer comparer(bound.at);
  const auto step = [&](const Comparison& from, char32_t character, Comparison* to) {
    *to = from;
    return comparer.step(to, character);
  };
  const auto accepts = [&](const Comparison& at) {
    if (at.phase == Comparison::Phase::begin) return false;
    const int order = comparer.order(at) * sign;
    return order > 0 || (order == 0 && !bound.is_excluded);
  };
  Regular fitting;
  MICA_TRY(explore(number_starts(), Comparison{}, step, accepts, work, &fitting));
  return intersect(*numbers, fitting, work, numbers);
}

Status keep_multiples(uint32_t divisor, RegularWork* work, Regular* numbers) {
  const auto step = [&](uint32_t rest, char32_t character, uint32_t* to) {
    if (character >= '0' && character <= '9') *to = (rest * 10 + static_cast<uint32_t>(character - '0')) % divisor;
    return character == '-' || (character >= '0' && character <= '9');
  };
  Regular fitting;
  MICA_TRY(explore(number_starts(), uint32_t{0}, step, [](uint32_t rest) { return rest == 0; }, work, &fitting));
  return intersect(*numbers, fitting, work, numbers);
}

// Digits behind the point that can still be told apart near each bound; a bound's own are kept.
size_t part_digits(const NumberRange& range) {
  size_t digits = kDigitsExactMax;
  size_t least = 0;
  for (const auto* bounds : {&range.low, &range.high})
    for (const NumberRange::Bound& bound : *bounds) {
      const size_t whole = bound.at.whole.size();
      digits = std::min(digits, whole < kDigitsExactMax ? kDigitsExactMax - whole : 0);
      least = std::max(least, bound.at.part.size());
    }
  return std::max(digits, least);
}

std::string syntax_of(const NumberRange& range) {
  const std::string whole = "^-?(0|[1-9][0-9]{0,";
  if (range.is_integer || !range.multiples.empty()) return whole + "19})$";
  if (range.low.empty() && range.high.empty())
    return whole + "19})(\\.[0-9]{1,20})?([eE][-+]?([0-9]|[0-9]{2}|1[0-9]{2}|2[0-7][0-9]))?$";
  const size_t part = part_digits(range);
  const std::string syntax = whole + std::to_string(kDigitsExactMax - 1) + "})";
  return part == 0 ? syntax + "$" : syntax + "(\\.[0-9]{1," + std::to_string(part) + "})?$";
}

}  // namespace

Status read_decimal(JsonValue value, Decimal* out) {
  double number = 0;
  if (!value.as_double(&number) || number != number)
    return value.error(Code::invalid_argument, "must be a number");
  std::string text = value.integer_text();
  if (text.empty()) {
    char digits[64];
    const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number, std::chars_format::fixed);
    if (error == std::errc()) text.assign(digits, end);
  }
  Decimal made;
  if (text.starts_with('-')) {
    made.is_negative = true;
    text.erase(0, 1);
  }
  const size_t point = std::min(text.find('.'), text.size());
  made.whole = text.substr(0, point);
  if (point < text.size()) made.part = text.substr(point + 1);
  while (!made.part.empty() && made.part.back() == '0') made.part.pop_back();
  const bool is_long = !made.part.empty() && made.whole.size() + made.part.size() > kDigitsMax;
  if (made.whole.empty() || made.whole.size() >= kDigitsMax || is_long)
    return value.error(Code::limit_exceeded, "has more digits than are compared (19, or 20 with a fraction)");
  *out = std::move(made);
  return Status::ok();
}

Status number_automaton(const NumberRange& range, RegularWork* work, Regular* out) {
  Regular numbers;
  MICA_TRY(read_pattern(syntax_of(range), work, &numbers));
  for (const NumberRange::Bound& bound : range.low) MICA_TRY(keep_bound(bound, 1, work, &numbers));
  for (const NumberRange::Bound& bound : range.high) MICA_TRY(keep_bound(bound, -1, work, &numbers));
  for (const uint32_t divisor : range.multiples) MICA_TRY(keep_multiples(divisor, work, &numbers));
  *out = std::move(numbers);
  return Status::ok();
}

}  // namespace mica
