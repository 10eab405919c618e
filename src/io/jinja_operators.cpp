// Arithmetic, comparisons and joining of values, as Python does them. See jinja_run.hpp.
#include <algorithm>
#include <cmath>

#include "jinja_run.hpp"
#include "jinja_tables.hpp"

namespace mica::jinja {
namespace {

const char* sign_of(Operator op) {
  constexpr const char* kSigns[] = {"+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in",
      "not in"};
  return kSigns[static_cast<size_t>(op)];
}

// Python's rule: the remainder has the sign of the divisor.
Integer floor_divide(Integer a, Integer b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

double real_remainder(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double real_floor_divide(double a, double b) {
  const double quotient = (a - real_remainder(a, b)) / b;
  const double whole = std::floor(quotient);
  if (quotient == 0) return std::copysign(0.0, a / b);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

// False on overflow.
bool integer_power(Integer base, Integer exponent, Integer* out) {
  Integer result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return false;
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return false;
  }
  *out = result;
  return true;
}

enum class Outcome { done, overflow, by_zero, other };

Outcome whole_arithmetic(Operator op, Integer a, Integer b, Integer* out) {
  const Integer lowest = -(Integer{1} << 126) - (Integer{1} << 126);
  if (op == Operator::floor_divide || op == Operator::remainder) {
    if (b == 0) return Outcome::by_zero;
    if (a == lowest && b == -1) return Outcome::overflow;
    const Integer quotient = floor_divide(a, b);
    *out = op == Operator::floor_divide ? quotient : a - quotient * b;
    return Outcome::done;
  }
  bool overflow = false;
  switch (op) {
    case Operator::add: overflow = __builtin_add_overflow(a, b, out); break;
    case Operator::subtract: overflow = __builtin_sub_overflow(a, b, out); break;
    case Operator::multiply: overflow = __builtin_mul_overflow(a, b, out); break;
    case Operator::power:
      if (b < 0) return Outcome::other;
      overflow = !integer_power(a, b, out);
      break;
    default: return Outcome::other;
  }
  return overflow ? Outcome::overflow : Outcome::done;
}

Outcome real_arithmetic(Operator op, double a, double b, double* out) {
  const bool divides = op == Operator::divide || op == Operator::floor_divide || op == Operator::remainder;
  if (b == 0 && divides) return Outcome::by_zero;
  switch (op) {
    case Operator::add: *out = a + b; break;
    case Operator::subtract: *out = a - b; break;
    case Operator::multiply: *out = a * b; break;
    case Operator::divide: *out = a / b; break;
    case Operator::floor_divide: *out = real_floor_divide(a, b); break;
    case Operator::remainder: *out = real_remainder(a, b); break;
    default:
      if (a == 0 && b < 0) return Outcome::by_zero;
      if (a < 0 && b != std::floor(b)) return Outcome::other;
      *out = std::pow(a, b);
      if (std::isinf(*out) && std::isfinite(a) && std::isfinite(b)) return Outcome::overflow;
  }
  return Outcome::done;
}

}  // namespace

// A text or list, so many times.
static bool repeated(Run& run, const Value& what, Integer times, Value* out) {
  const Integer size = what.size;
  times = std::max<Integer>(times, 0);
  if (times > UINT32_MAX || size * times > UINT32_MAX) return run.fail_memory();
  const auto count = static_cast<size_t>(size * times);
  if (what.is_string()) {
    if (!run.room(count) || !run.charge_text(count)) return false;
    std::string text;
    text.reserve(count);
    for (Integer i = 0; i < times && size > 0; ++i) text += what.view();
    return run.text(text, out, what.marked);
  }
  auto* items = run.heap.make<Value>(count);
  if (items == nullptr) return run.fail_memory();
  if (!run.charge(count / 8)) return false;
  for (size_t i = 0; i < count; ++i) items[i] = what.items_at[i % what.size];
  return run.sequence(what.kind, items, count, out);
}

static bool joined(Run& run, const Value& left, const Value& right, Value* out) {
  if (left.is_string()) {
    Value a = left, b = right;
    // A marked text is HTML, and what joins it becomes so.
    if (left.marked != right.marked && !run.escape_html(left.marked ? right : left, left.marked ? &b : &a)) {
      return false;
    }
    if (!run.room(size_t{a.size} + b.size) || !run.charge_text(b.size)) return false;
    const char* text = run.heap.join(a.view(), b.view());
    if (text == nullptr) return run.fail_memory();
    *out = Value::string({text, size_t{a.size} + b.size}, a.marked);
    return true;
  }
  auto* items = run.heap.make<Value>(size_t{left.size} + right.size);
  if (items == nullptr) return run.fail_memory();
  std::copy_n(left.items_at, left.size, items);
  std::copy_n(right.items_at, right.size, items + left.size);
  return run.sequence(left.kind, items, size_t{left.size} + right.size, out);
}

bool Run::binary(Operator op, const Value& left, const Value& right, Value* out) {
  if (left.is_number() && right.is_number()) {
    Outcome outcome = Outcome::other;
    Integer whole = 0;
    double real = 0;
    if (left.is_whole() && right.is_whole()) {
      outcome = whole_arithmetic(op, left.whole(), right.whole(), &whole);
      if (outcome == Outcome::done) return integer(whole, out);
    }
    if (outcome == Outcome::other) outcome = real_arithmetic(op, left.number(), right.number(), &real);
    *out = Value::real_of(real);
    if (outcome == Outcome::done) return true;
    if (outcome == Outcome::by_zero) return fail("a division by zero");
    if (outcome == Outcome::overflow) return fail_with(Code::limit_exceeded, "a number of more than 38 digits");
  } else if (op == Operator::add && left.kind == right.kind && (left.is_string() || left.is_sequence())) {
    return joined(*this, left, right, out);
  } else if (op == Operator::multiply && (left.is_string() || left.is_sequence()) && right.is_whole()) {
    return repeated(*this, left, right.whole(), out);
  } else if (op == Operator::multiply && (right.is_string() || right.is_sequence()) && left.is_whole()) {
    return repeated(*this, right, left.whole(), out);
  } else if (op == Operator::remainder && left.is_string()) {
    return format_percent(*this, left.view(), right, out);
  }
  const std::string first = describe(left);
  return fail("%s %s %s cannot be computed", first.c_str(), sign_of(op), describe(right));
}

bool Run::negative(const Value& value, Value* out) {
  if (value.is(Kind::real)) {
    *out = Value::real_of(-value.real);
    return true;
  }
  if (!value.is_whole()) return fail("%s has no negative", describe(value));
  return binary(Operator::subtract, Value::integer_of(0), Value(value), out);
}

bool Run::positive(const Value& value, Value* out) {
  if (!value.is_number()) return fail("%s is no number", describe(value));
  const Value number = value;
  *out = number.is(Kind::boolean) ? Value::integer_of(number.truth) : number;
  return true;
}

bool Run::equal(const Value& left, const Value& right, bool* out) {
  *out = false;
  if (!charge(1)) return false;
  if (left.is_sequence() && left.kind == right.kind) {
    if (left.size != right.size) return true;
    *out = true;
    for (uint32_t i = 0; i < left.size && *out; ++i)
      if (!equal(left.items_at[i], right.items_at[i], out)) return false;
    return true;
  }
  if (left.is(Kind::mapping) && right.is(Kind::mapping)) {
    if (left.mapping->count != right.mapping->count) return true;
    *out = true;
    for (uint32_t i = 0; i < left.mapping->count && *out; ++i) {
      const Entry& entry = left.mapping->entries[i];
      const Value* other = right.mapping->find(entry.key);
      *out = other != nullptr;
      if (other != nullptr && !equal(entry.value, *other, out)) return false;
    }
    return true;
  }
  if (left.is(Kind::range) && right.is(Kind::range)) {
    const Range& a = *left.range;
    const Range& b = *right.range;
    *out = a.count == b.count && (a.count == 0 || (a.start == b.start && (a.count == 1 || a.step == b.step)));
    return true;
  }
  *out = same_key(left, right);
  return !left.is_string() || charge_text(left.size);
}

bool Run::less(const Value& left, const Value& right, bool or_equal, bool* out) {
  if (!charge(1)) return false;
  if (left.is_whole() && right.is_whole()) {
    *out = left.whole() < right.whole() || (or_equal && left.whole() == right.whole());
    return true;
  }
  if (left.is_number() && right.is_number()) {
    *out = left.number() < right.number() || (or_equal && left.number() == right.number());
    return true;
  }
  if (left.is_string() && right.is_string()) {  // UTF-8 sorts as its characters do
    *out = left.view() < right.view() || (or_equal && left.view() == right.view());
    return charge_text(std::min(left.size, right.size));
  }
  if (left.is_sequence() && left.kind == right.kind) {
    for (uint32_t i = 0; i < std::min(left.size, right.size); ++i) {
      bool same = false;
      if (!equal(left.items_at[i], right.items_at[i], &same)) return false;
      if (!same) return less(left.items_at[i], right.items_at[i], or_equal, out);
    }
    *out = left.size < right.size || (or_equal && left.size == right.size);
    return true;
  }
  const std::string first = describe(left);
  return fail("%s cannot be compared with %s", first.c_str(), describe(right));
}

bool Run::contains(const Value& container, const Value& value, bool* out) {
  *out = false;
  if (container.is_string()) {
    if (!value.is_string()) return fail("in a text only a text can be found, not %s", describe(value));
    *out = container.view().find(value.view()) != std::string_view::npos;
    return charge_text(container.size);
  }
  if (container.is(Kind::mapping) || container.is(Kind::keys)) {
    if (!can_be_key(value)) return fail("%s cannot be the key of a mapping", describe(value));
    *out = container.mapping->find(value) != nullptr;
    return charge_text(value.is_string() ? value.size : 0);
  }
  if (!has_length(container) && !container.is(Kind::stream)) return fail("nothing can be in %s", describe(container));
  std::span<const Value> items;
  if (!iterate(container, &items)) return false;
  for (const Value& item : items) {
    if (!equal(item, value, out)) return false;
    if (*out) return true;
  }
  return true;
}

bool Run::compare(Operator op, const Value& left, const Value& right, Value* out) {
  bool result = false, ok = false;
  switch (op) {
    case Operator::less: ok = less(left, right, false, &result); break;
    case Operator::less_equal: ok = less(left, right, true, &result); break;
    case Operator::greater: ok = less(right, left, false, &result); break;
    case Operator::greater_equal: ok = less(right, left, true, &result); break;
    case Operator::in:
    case Operator::not_in: ok = contains(right, left, &result); break;
    default: ok = equal(left, right, &result); break;
  }
  *out = Value::boolean(result != (op == Operator::unequal || op == Operator::not_in));
  return ok;
}

bool Run::concatenate(std::span<const Value> parts, Value* out) {
  std::string joined_text;
  for (const Value& part : parts) {
    Value shown = part;
    if (escapes_ && !escape_html(part, &shown)) return false;
    // The first text may be one that can grow in place.
    if (&part == parts.data() && shown.is_string()) continue;
    if (!print(shown, &joined_text)) return false;
  }
  Value head = parts[0];
  if (!head.is_string()) return text(joined_text, out, escapes_);
  if (escapes_ && !escape_html(head, &head)) return false;
  if (!room(head.size + joined_text.size()) || !charge_text(joined_text.size())) return false;
  const char* kept = heap.join(head.view(), joined_text);
  if (kept == nullptr) return fail_memory();
  *out = Value::string({kept, head.size + joined_text.size()}, escapes_);
  return true;
}

}  // namespace mica::jinja
