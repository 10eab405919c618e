// Filters over numbers and any value, and the table of all filters. See jinja_tables.hpp.
#include <algorithm>
#include <array>
#include <cmath>

#include "jinja_arguments.hpp"
#include "jinja_number.hpp"
#include "jinja_tables.hpp"

namespace mica::jinja {
namespace {

bool absolute(Run& run, const Value& subject, const Value*, Value* out) {
  if (!subject.is_number()) return run.fail("abs takes a number, not %s", run.describe(subject));
  if (subject.is(Kind::real)) {
    *out = Value::real_of(std::fabs(subject.real));
    return true;
  }
  return subject.whole() < 0 ? run.negative(subject, out) : run.positive(subject, out);
}

// What `default` is a short name of: undefined values alone, or with `boolean` all that is false.
bool or_default(Run& run, const Value& subject, const Value* arguments, Value* out) {
  const bool replaced = subject.is(Kind::undefined) || (truth_argument(run, arguments[1], false) &&
                                                        !run.truth(subject));
  *out = !replaced ? subject : arguments[0].is(Kind::absent) ? Value::string("") : arguments[0];
  return true;
}

bool attribute(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::string_view name;
  if (!text_argument(run, arguments[0], {}, &name)) return false;
  if (subject.is(Kind::undefined)) return run.fail("%s has no attributes", run.describe(subject));
  // Attributes alone, no keys.
  if (subject.is(Kind::mapping) && find_method(subject, name) == nullptr) {
    *out = Value::undefined(name);
    return true;
  }
  return run.attribute(subject, name, out);
}

bool to_integer(Run& run, const Value& subject, const Value* arguments, Value* out) {
  int64_t base = 10;
  if (!integer_argument(run, arguments[1], 10, &base)) return false;
  Integer whole = 0;
  double real = 0;
  if (subject.is_whole()) return run.positive(subject, out);
  if (subject.is_string() && parse_integer(subject.view(), static_cast<int>(std::clamp<int64_t>(base, -1, 99)),
                                           &whole)) {
    return run.integer(whole, out);
  }
  const bool is_real = subject.is(Kind::real) || (subject.is_string() && parse_real(subject.view(), &real));
  if (subject.is(Kind::real)) real = subject.real;
  constexpr double kLargest = 1.7e38;  // that 128 bits hold
  if (is_real && std::fabs(real) < kLargest) return run.integer(static_cast<Integer>(real), out);
  if (is_real && std::isfinite(real)) return run.fail_with(Code::limit_exceeded, "a number of more than 38 digits");
  if (subject.is(Kind::undefined)) return run.fail("%s is no number", run.describe(subject));
  *out = arguments[0].is(Kind::absent) ? Value::integer_of(0) : arguments[0];
  return true;
}

bool to_real(Run& run, const Value& subject, const Value* arguments, Value* out) {
  double real = 0;
  if (subject.is(Kind::undefined)) return run.fail("%s is no number", run.describe(subject));
  if (subject.is_number() || (subject.is_string() && parse_real(subject.view(), &real))) {
    *out = Value::real_of(subject.is_number() ? subject.number() : real);
  } else {
    *out = arguments[0].is(Kind::absent) ? Value::real_of(0) : arguments[0];
  }
  return true;
}

double round_half_even(double number, int digits) {
  if (digits >= 0) {
    double rounded = number;
    read_real(real_text(std::fabs(number), 'f', digits), &rounded);
    return std::copysign(rounded, number);
  }
  const double unit = std::pow(10.0, -digits);
  return std::nearbyint(number / unit) * unit;
}

bool round(Run& run, const Value& subject, const Value* arguments, Value* out) {
  int64_t digits = 0;
  std::string_view method;
  constexpr int64_t kDigitsMax = 300;
  if (!integer_argument(run, arguments[0], 0, &digits) || !text_argument(run, arguments[1], "common", &method)) {
    return false;
  }
  if (method != "common" && method != "ceil" && method != "floor") {
    return run.fail("round goes by common, ceil or floor");
  }
  if (!subject.is_number()) return run.fail("round takes a number, not %s", run.describe(subject));
  const double number = subject.number();
  digits = std::clamp(digits, -kDigitsMax, kDigitsMax);
  if (method != "common") {
    const double unit = std::pow(10.0, static_cast<double>(digits));
    const double scaled = number * unit;
    if (!std::isfinite(scaled)) return run.fail("a number that is too large to round");
    *out = Value::real_of((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit + 0.0);
    return true;
  }
  if (!subject.is_whole()) {
    *out = Value::real_of(std::isfinite(number) ? round_half_even(number, static_cast<int>(digits)) : number);
    return true;
  }
  if (digits >= 0) return run.positive(subject, out);
  constexpr int64_t kWholeDigitsMax = 38;
  Integer unit = 1;
  for (int64_t i = 0; i < std::min(-digits, kWholeDigitsMax); ++i) unit *= 10;
  const Integer whole = subject.whole(), rest = whole % unit, size = rest < 0 ? -rest : rest;
  const Integer down = whole - rest, up = down + (rest < 0 ? -unit : unit);
  const bool is_up = size > unit - size || (size == unit - size && (down / unit) % 2 != 0);
  return run.integer(is_up ? up : down, out);
}

bool to_json(Run& run, const Value& subject, const Value* arguments, Value* out) {
  Run::JsonForm form;
  form.ascii = truth_argument(run, arguments[0], false);
  form.sorted = truth_argument(run, arguments[3], false);
  form.has_indent = is_given(arguments[1]);
  if (form.has_indent && arguments[1].is_string()) {
    form.indent = arguments[1].view();
  } else if (form.has_indent) {
    int64_t width = 0;
    if (!integer_argument(run, arguments[1], 0, &width) ||
        !run.room(static_cast<size_t>(std::max<int64_t>(width, 0)))) return false;
    form.indent.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  if (form.has_indent) form.item_separator = ",";
  if (is_given(arguments[2])) {
    std::span<const Value> two;
    if (!run.iterate(arguments[2], &two)) return false;
    if (two.size() != 2) return run.fail("separators of tojson are two texts");
    if (!text_argument(run, two[0], {}, &form.item_separator) || !text_argument(run, two[1], {},
        &form.key_separator)) return false;
  }
  std::string json;
  return run.write_json(subject, form, &json) && run.room(json.size()) && run.text(json, out);
}

constexpr Filter kFilters[] = {
    {"abs", "", absolute},
    {"default", "default_value? boolean?", or_default},
    {"d", "default_value? boolean?", or_default},
    {"attr", "name", attribute},
    {"int", "default? base?", to_integer},
    {"float", "default?", to_real},
    {"round", "precision? method?", round},
    {"tojson", "ensure_ascii? indent? separators? sort_keys?", to_json},
};

constexpr size_t kFiltersMax = 64;

struct AllFilters {
  std::array<Filter, kFiltersMax> rows{};
  size_t count = 0;
  AllFilters() {
    for (std::span<const Filter> some : {text_filters(), item_filters(), std::span<const Filter>(kFilters)})
      for (const Filter& filter : some)
        if (count < kFiltersMax) rows[count++] = filter;
  }
};

}  // namespace

std::span<const Filter> filters() {
  static const AllFilters kAll;
  return {kAll.rows.data(), kAll.count};
}

}  // namespace mica::jinja
