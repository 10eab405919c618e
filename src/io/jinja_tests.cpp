// Tests: what stands behind `is`. See jinja_tables.hpp.
#include "jinja_arguments.hpp"
#include "jinja_tables.hpp"
#include "jinja_text.hpp"
#include "utf8.hpp"

namespace mica::jinja {
namespace {

template <bool (*kIs)(Run& run, const Value& value)>
bool plain(Run& run, const Value& value, const Value*, bool* out) {
  *out = kIs(run, value);
  return true;
}

template <Kind... kKinds>
bool is_one_of(Run&, const Value& value) {
  return (value.is(kKinds) || ...);
}

bool is_defined(Run&, const Value& value) { return !value.is(Kind::undefined); }
bool is_integer(Run&, const Value& value) { return value.is_integer(); }
bool is_number(Run&, const Value& value) { return value.is_number(); }
bool is_true(Run&, const Value& value) { return value.is(Kind::boolean) && value.truth; }
bool is_false(Run&, const Value& value) { return value.is(Kind::boolean) && !value.truth; }
bool is_escaped(Run&, const Value& value) { return value.is_string() && value.marked; }
bool is_iterable(Run& run, const Value& value) { return run.has_length(value) || value.is(Kind::stream); }
// What has a length and items by their number or key.
bool is_sequence(Run& run, const Value& value) {
  return run.has_length(value) && !value.is_view() && !value.is(Kind::loop);
}
bool is_callable(Run& run, const Value& value) {
  return is_one_of<Kind::function, Kind::method, Kind::macro, Kind::loop, Kind::joiner, Kind::block, Kind::undefined>(
      run, value);
}
bool is_filter(Run&, const Value& value) { return value.is_string() && find_filter(value.view()) != kUnknown; }
bool is_test(Run&, const Value& value) { return value.is_string() && find_test(value.view()) != kUnknown; }

// Whether all cased letters are of one case, and there is one.
bool has_case(Run& run, const Value& value, bool upper, bool* out) {
  std::string_view text;
  if (!run.as_text(value, &text) || !run.charge_text(text.size())) return false;
  bool any = false, other = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = utf8_next(text, &at);
    any |= upper ? is_upper(c) : is_lower(c);
    other |= is_cased(c) && !(upper ? is_upper(c) : is_lower(c));
  }
  *out = any && !other;
  return true;
}
bool lower(Run& run, const Value& value, const Value*, bool* out) { return has_case(run, value, false, out); }
bool upper(Run& run, const Value& value, const Value*, bool* out) { return has_case(run, value, true, out); }

bool remainder_is(Run& run, const Value& value, const Value& divisor, int64_t wanted, bool* out) {
  Value rest;
  if (value.is_string()) return run.fail("a text is neither odd nor even");
  return run.binary(Operator::remainder, value, divisor, &rest) && run.equal(rest, Value::integer_of(wanted), out);
}
bool odd(Run& run, const Value& value, const Value*, bool* out) {
  return remainder_is(run, value, Value::integer_of(2), 1, out);
}
bool even(Run& run, const Value& value, const Value*, bool* out) {
  return remainder_is(run, value, Value::integer_of(2), 0, out);
}
bool divisible(Run& run, const Value& value, const Value* arguments, bool* out) {
  return remainder_is(run, value, arguments[0], 0, out);
}

template <Operator kOp>
bool compared(Run& run, const Value& value, const Value* arguments, bool* out) {
  Value result;
  if (!run.compare(kOp, value, arguments[0], &result)) return false;
  *out = run.truth(result);
  return true;
}

// Python's `is`: one object. Equal small numbers and texts are one there too.
bool same(Run& run, const Value& value, const Value* arguments, bool* out) {
  const Value& other = arguments[0];
  *out = value.kind == other.kind;
  if (!*out || value.is(Kind::none)) return true;
  if (value.is_string() || value.is_number()) return run.equal(value, other, out);
  *out = value.address == other.address && value.size == other.size;
  return true;
}

constexpr Test kTests[] = {
    {"defined", "", plain<is_defined>},
    {"undefined", "", plain<is_one_of<Kind::undefined>>},
    {"none", "", plain<is_one_of<Kind::none>>},
    {"boolean", "", plain<is_one_of<Kind::boolean>>},
    {"true", "", plain<is_true>},
    {"false", "", plain<is_false>},
    {"integer", "", plain<is_integer>},
    {"float", "", plain<is_one_of<Kind::real>>},
    {"number", "", plain<is_number>},
    {"string", "", plain<is_one_of<Kind::string>>},
    {"mapping", "", plain<is_one_of<Kind::mapping>>},
    {"iterable", "", plain<is_iterable>},
    {"sequence", "", plain<is_sequence>},
    {"callable", "", plain<is_callable>},
    {"escaped", "", plain<is_escaped>},
    {"filter", "", plain<is_filter>},
    {"test", "", plain<is_test>},
    {"lower", "", lower},
    {"upper", "", upper},
    {"odd", "", odd},
    {"even", "", even},
    {"divisibleby", "num", divisible},
    {"sameas", "other", same},
    {"in", "seq", compared<Operator::in>},
    {"==", "other", compared<Operator::equal>},
    {"eq", "other", compared<Operator::equal>},
    {"equalto", "other", compared<Operator::equal>},
    {"!=", "other", compared<Operator::unequal>},
    {"ne", "other", compared<Operator::unequal>},
    {">", "other", compared<Operator::greater>},
    {"gt", "other", compared<Operator::greater>},
    {"greaterthan", "other", compared<Operator::greater>},
    {">=", "other", compared<Operator::greater_equal>},
    {"ge", "other", compared<Operator::greater_equal>},
    {"<", "other", compared<Operator::less>},
    {"lt", "other", compared<Operator::less>},
    {"lessthan", "other", compared<Operator::less>},
    {"<=", "other", compared<Operator::less_equal>},
    {"le", "other", compared<Operator::less_equal>},
};

}  // namespace

std::span<const Test> tests() { return kTests; }

}  // namespace mica::jinja
