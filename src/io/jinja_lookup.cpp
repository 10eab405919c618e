// Attributes, items and slices: what stands behind a dot or in brackets. See jinja_run.hpp.
#include <algorithm>
#include <array>
#include <string>

#include "jinja_number.hpp"
#include "jinja_run.hpp"
#include "jinja_tables.hpp"
#include "jinja_text.hpp"

namespace mica::jinja {
namespace {

// What every object of Python has, by names that are never safe; an object has others like it, which nobody asks for.
bool is_internal(std::string_view name) {
  constexpr std::string_view kInternal[] = {
      "__class__", "__doc__", "__init__", "__len__", "__iter__", "__getitem__", "__contains__", "__eq__", "__hash__",
      "__str__", "__repr__", "__dir__", "__dict__", "__module__", "__reduce__", "__reduce_ex__", "__new__",
      "__subclasshook__", "__init_subclass__", "__getattribute__", "__setattr__", "__delattr__", "__sizeof__",
      "__format__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__add__", "__mul__", "__mod__", "__rmul__",
      "__globals__", "__code__", "__closure__", "__func__", "__self__", "__call__", "__name__", "__qualname__",
      "__builtins__", "__bases__", "__mro__", "__subclasses__", "__defaults__", "__kwdefaults__", "__annotations__",
      "__html__", "__getnewargs__", "__class_getitem__", "__reversed__", "__setitem__", "__delitem__", "__iadd__",
      "__imul__", "__or__", "__ror__", "__ior__"};
  return std::find(std::begin(kInternal), std::end(kInternal), name) != std::end(kInternal);
}

// A property of a number, range or group. False when it has none of this name.
bool plain_attribute(const Value& object, std::string_view name, Value* out) {
  if (object.is_number() && (name == "real" || name == "imag")) {
    *out = object.is(Kind::boolean) ? Value::integer_of(object.truth) : object;
    if (name == "imag") *out = object.is(Kind::real) ? Value::real_of(0) : Value::integer_of(0);
    return true;
  }
  if (object.is_whole() && (name == "numerator" || name == "denominator")) {
    *out = object.is(Kind::boolean) ? Value::integer_of(object.truth) : object;
    if (name == "denominator") *out = Value::integer_of(1);
    return true;
  }
  if (object.is(Kind::range) && (name == "start" || name == "stop" || name == "step")) {
    const Range& range = *object.range;
    *out = Value::integer_of(name == "start" ? range.start : name == "stop" ? range.stop : range.step);
    return true;
  }
  if (object.is(Kind::tuple) && object.marked && (name == "grouper" || name == "list")) {
    *out = object.items_at[name == "list"];
    return true;
  }
  if (object.is(Kind::cycler) && name == "current") {
    *out = object.cycler->items[object.cycler->place];
    return true;
  }
  return false;
}

Value* entry_of(const Value& object, const Value& key) {
  const bool has_entries = object.is(Kind::mapping) && can_be_key(key);
  return has_entries ? object.mapping->find(key) : nullptr;
}

}  // namespace

// The attributes of Python's object alone. *found is false when there is none.
static bool own_attribute(Run& run, const Value& object, std::string_view name, Value* out, bool* found) {
  *found = true;
  if (object.is(Kind::name_space)) {
    Value* value = object.mapping->find(name);
    *found = value != nullptr;
    if (value != nullptr) *out = *value;
    return true;
  }
  if (plain_attribute(object, name, out)) return true;
  if (changes(object, name) || is_internal(name)) {
    *out = Value::undefined(name, true);
    return true;
  }
  const Method* method = find_method(object, name);
  *found = method != nullptr;
  if (method == nullptr) return true;
  auto* bound = run.heap.make<Bound>();
  if (bound == nullptr) return run.fail_memory();
  *bound = {object, method};
  *out = Value::of(Kind::method);
  out->bound = bound;
  return true;
}

bool Run::attribute(const Value& object, std::string_view name, Value* out) {
  const Value self = object;  // *out may be the same
  if (self.is(Kind::undefined)) {
    // Python asks an object for such names itself, so that they are told from others.
    if (!self.marked && is_internal(name)) {
      *out = Value::undefined(name, true);
      return true;
    }
    return fail("%s has no attribute %.*s", describe(self), static_cast<int>(name.size()), name.data());
  }
  if (self.is(Kind::loop)) return loop_attribute(self.loop, name, out);
  if (self.is(Kind::macro)) return macro_attribute(*self.macro, name, out);
  if (self.is(Kind::itself)) {
    for (uint32_t block : tree_.blocks) {
      if (tree_.names[tree_.nodes[block].name] != name) continue;
      *out = Value::of(Kind::block);
      out->size = block;
      return true;
    }
  }
  bool found = false;
  if (!own_attribute(*this, self, name, out, &found) || found) return status_.is_ok();
  if (Value* value = entry_of(self, Value::string(name))) *out = *value;
  else *out = Value::undefined(name);
  return true;
}

bool Run::item(const Value& object, const Value& key, Value* out) {
  const Value self = object;
  if (self.is(Kind::undefined)) return fail("%s has no items", describe(self));
  if (key.is_string() && !charge_text(key.size)) return false;
  if (Value* value = entry_of(self, key)) {
    *out = *value;
    return true;
  }
  if (key.is_whole() && (self.is_string() || self.is_sequence() || self.is(Kind::range))) {
    int64_t count = 0;
    if (!length(self, &count)) return false;
    Integer place = key.whole();
    if (place < 0) place += count;
    *out = Value::undefined("an item beyond the end");
    if (place < 0 || place >= count) return true;
    const auto at = static_cast<size_t>(place);
    if (self.is_sequence()) {
      *out = self.items_at[at];
    } else if (self.is(Kind::range)) {
      *out = Value::integer_of(self.range->start + static_cast<int64_t>(place) * self.range->step);
    } else {
      const std::string_view text = self.view();
      const size_t begin = offset_of(text, at);
      *out = Value::string(text.substr(begin, offset_of(text.substr(begin), 1)), self.marked);
    }
    return true;
  }
  *out = Value::undefined(key.is_string() ? key.view() : std::string_view("an item"));
  if (!key.is_string()) return true;
  if (self.is(Kind::loop) || self.is(Kind::macro) || self.is(Kind::itself)) return attribute(self, key.view(), out);
  Value value;
  bool found = false;
  if (!own_attribute(*this, self, key.view(), &value, &found)) return false;
  if (found) *out = value;
  return true;
}

bool Run::path(const Value& object, const Value& dotted, Value* out) {
  *out = object;
  if (!dotted.is_string()) return dotted.is(Kind::none) || item(object, dotted, out);
  std::string_view rest = dotted.view();
  for (bool more = true; more;) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    more = dot < rest.size();
    rest.remove_prefix(std::min(dot + 1, rest.size()));
    Integer number = 0;
    Value key = Value::string(part);
    if (read_integer(part, 10, &number) && !integer(number, &key)) return false;
    if (!charge(1) || !item(*out, key, out)) return false;
  }
  return true;
}

namespace {

// Start, stop and step of Python's slices within `count` items.
struct Cut {
  int64_t start = 0, step = 1;
  int64_t count = 0;
};

Cut cut_of(const Value (&parts)[3], int64_t count) {
  const auto bounded = [](Integer value, Integer low, Integer high) {
      return static_cast<int64_t>(std::clamp(value, low, high)); };
  Cut cut;
  if (!parts[2].is(Kind::none)) cut.step = bounded(parts[2].whole(), -INT32_MAX, INT32_MAX);
  const bool back = cut.step < 0;
  const auto place = [&](const Value& part, int64_t otherwise) {
    if (part.is(Kind::none)) return otherwise;
    Integer value = part.whole();
    if (value < 0) value += count;
    return bounded(value, back ? -1 : 0, back ? count - 1 : count);
  };
  cut.start = place(parts[0], back ? count - 1 : 0);
  const int64_t stop = place(parts[1], back ? -1 : count);
  const int64_t distance = back ? cut.start - stop : stop - cut.start;
  const int64_t step = back ? -cut.step : cut.step;
  cut.count = distance <= 0 ? 0 : (distance + step - 1) / step;
  return cut;
}

}  // namespace

bool Run::slice(const Value& object, const Value (&parts)[3], Value* out) {
  if (!object.is_string() && !object.is_sequence() && !object.is(Kind::range)) {
    return fail("%s cannot be sliced", describe(object));
  }
  for (const Value& part : parts)
    if (!part.is(Kind::none) && !part.is_whole()) return fail("a slice goes by integers, not by %s", describe(part));
  if (!parts[2].is(Kind::none) && parts[2].whole() == 0) return fail("the step of a slice is 0");
  int64_t length_of = 0;
  if (!length(object, &length_of)) return false;
  const Cut cut = cut_of(parts, length_of);
  if (object.is_string() && cut.step == 1) {
    const std::string_view text = object.view();
    const size_t begin = offset_of(text, static_cast<size_t>(cut.start));
    const std::string_view rest = text.substr(begin);
    *out = Value::string(rest.substr(0, offset_of(rest, static_cast<size_t>(cut.count))), object.marked);
    return true;
  }
  if (object.is_sequence() && cut.step == 1) {
    *out = Value::sequence(object.kind, object.items_at + cut.start, static_cast<size_t>(cut.count));
    out->depth = object.depth;
    return true;
  }
  std::span<const Value> items;
  if (!iterate(object, &items)) return false;
  if (object.is_string()) {
    std::string taken;
    for (int64_t i = 0; i < cut.count; ++i) taken += items[static_cast<size_t>(cut.start + i * cut.step)].view();
    return text(taken, out, object.marked);
  }
  auto* taken = heap.make<Value>(static_cast<size_t>(cut.count));
  if (taken == nullptr) return fail_memory();
  for (int64_t i = 0; i < cut.count; ++i) taken[i] = items[static_cast<size_t>(cut.start + i * cut.step)];
  return sequence(object.is(Kind::tuple) ? Kind::tuple : Kind::list, taken, static_cast<size_t>(cut.count), out);
}

bool Run::loop_attribute(Loop* loop, std::string_view name, Value* out) {
  const bool peeks = name == "last" || name == "nextitem", counts = name == "length" || name.starts_with("revindex");
  bool has = false;
  const uint32_t line = line_;
  if ((peeks || counts) && !look_ahead(loop, counts, &has)) return false;
  line_ = line;
  const auto place = static_cast<int64_t>(loop->index0);
  const int64_t count = place + 1 + loop->ahead_count;
  if (name == "index") *out = Value::integer_of(place + 1);
  else if (name == "index0") *out = Value::integer_of(place);
  else if (name == "first") *out = Value::boolean(place == 0);
  else if (name == "last") *out = Value::boolean(!has);
  else if (name == "length") *out = Value::integer_of(count);
  else if (name == "revindex") *out = Value::integer_of(count - place);
  else if (name == "revindex0") *out = Value::integer_of(count - place - 1);
  else if (name == "depth") *out = Value::integer_of(loop->depth0 + 1);
  else if (name == "depth0") *out = Value::integer_of(loop->depth0);
  else if (name == "previtem") *out = place == 0 ? Value::undefined("the item before the first") : loop->previous;
  else if (name == "nextitem") *out = has ? *loop->ahead : Value::undefined("the item behind the last");
  else {
    Value object = Value::of(Kind::loop);
    object.loop = loop;
    bool found = false;
    if (!own_attribute(*this, object, name, out, &found)) return false;
    if (!found) *out = Value::undefined(name);
  }
  return true;
}

bool Run::macro_attribute(const Macro& macro, std::string_view name, Value* out) {
  const Node& node = tree_.nodes[macro.node];
  if (name == "name") {
    *out = macro.is_caller ? Value::none() : Value::string(tree_.names[node.name]);
  } else if (name == "arguments") {
    const uint32_t first = macro.is_caller ? 2 : 1;
    auto* names = heap.make<Value>(node.count - first);
    if (names == nullptr) return fail_memory();
    for (uint32_t i = first; i < node.count; ++i)
      names[i - first] = Value::string(tree_.names[tree_.nodes[tree_.child(node, i)].name]);
    return sequence(Kind::tuple, names, node.count - first, out);
  } else if (name == "catch_kwargs" || name == "catch_varargs" || name == "caller") {
    const uint8_t bit = name == "caller" ? kTakesCaller : name == "catch_kwargs" ? kTakesNamed : kTakesMore;
    *out = Value::boolean((node.detail & bit) != 0);
  } else {
    *out = Value::undefined(name, is_internal(name));
  }
  return true;
}

}  // namespace mica::jinja
