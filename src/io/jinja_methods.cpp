// Methods of mappings, lists, numbers and loops, and which kind has which. See jinja_tables.hpp.
#include <algorithm>
#include <cmath>

#include "jinja_arguments.hpp"
#include "jinja_tables.hpp"

namespace mica::jinja {
namespace {

bool get(Run& run, const Value& self, const Value* arguments, Value* out) {
  if (!can_be_key(arguments[0])) return run.fail("%s cannot be the key of a mapping", run.describe(arguments[0]));
  if (!run.charge_text(arguments[0].is_string() ? arguments[0].size : 0)) return false;
  const Value* found = self.mapping->find(arguments[0]);
  *out = found != nullptr ? *found : arguments[1].is(Kind::absent) ? Value::none() : arguments[1];
  return true;
}

template <Kind kView>
bool view(Run&, const Value& self, const Value*, Value* out) {
  *out = self;
  out->kind = kView;
  return true;
}

bool copy_mapping(Run& run, const Value& self, const Value*, Value* out) {
  return run.mapping({self.mapping->entries, self.mapping->count}, Kind::mapping, out);
}

bool copy_list(Run& run, const Value& self, const Value*, Value* out) {
  return run.copied_sequence(self.kind, {self.items_at, self.size}, out);
}

bool count(Run& run, const Value& self, const Value* arguments, Value* out) {
  int64_t found = 0;
  std::span<const Value> items;
  if (!run.iterate(self, &items)) return false;
  for (const Value& item : items) {
    bool same = false;
    if (!run.equal(item, arguments[0], &same)) return false;
    found += same;
  }
  *out = Value::integer_of(found);
  return true;
}

bool index(Run& run, const Value& self, const Value* arguments, Value* out) {
  int64_t start = 0, end = 0;
  std::span<const Value> items;
  if (!run.iterate(self, &items)) return false;
  const auto size = static_cast<int64_t>(items.size());
  if (!integer_argument(run, arguments[1], 0, &start) || !integer_argument(run, arguments[2], size, &end)) return false;
  start = std::clamp<int64_t>(start < 0 ? start + size : start, 0, size);
  end = std::clamp<int64_t>(end < 0 ? end + size : end, 0, size);
  for (int64_t i = start; i < end; ++i) {
    bool same = false;
    if (!run.equal(items[static_cast<size_t>(i)], arguments[0], &same)) return false;
    *out = Value::integer_of(i);
    if (same) return true;
  }
  return run.fail("index does not find the value");
}

bool bit_length(Run& run, const Value& self, const Value*, Value* out) {
  Integer number = self.whole();
  if (number < 0) number = -number;
  int64_t bits = 0;
  for (; number > 0; number >>= 1) ++bits;
  *out = Value::integer_of(bits);
  return run.charge(1);
}

bool is_whole_number(Run&, const Value& self, const Value*, Value* out) {
  *out = Value::boolean(std::isfinite(self.real) && self.real == std::floor(self.real));
  return true;
}

bool same_number(Run& run, const Value& self, const Value*, Value* out) { return run.positive(self, out); }

bool cycle(Run& run, const Value& self, const Arguments& arguments, Value* out) {
  if (arguments.plain.empty() || !arguments.named.empty()) return run.fail("loop.cycle takes one or more values");
  *out = arguments.plain[self.loop->index0 % arguments.plain.size()];
  return true;
}

bool changed(Run& run, const Value& self, const Arguments& arguments, Value* out) {
  Value now;
  bool same = false;
  if (!arguments.named.empty()) return run.fail("loop.changed takes values without names");
  if (!run.copied_sequence(Kind::tuple, arguments.plain, &now)) return false;
  if (self.loop->has_changed && !run.equal(self.loop->changed_last, now, &same)) return false;
  self.loop->changed_last = now;
  self.loop->has_changed = true;
  *out = Value::boolean(!same);
  return true;
}

bool next_of_cycle(Run&, const Value& self, const Value*, Value* out) {
  Cycler& cycler = *self.cycler;
  *out = cycler.items[cycler.place];
  cycler.place = (cycler.place + 1) % cycler.count;
  return true;
}

bool reset_cycle(Run&, const Value& self, const Value*, Value* out) {
  self.cycler->place = 0;
  *out = Value::none();
  return true;
}

constexpr Method kMappingMethods[] = {
    {"get", "/ key default?", get},
    {"items", "", view<Kind::items>},
    {"keys", "", view<Kind::keys>},
    {"values", "", view<Kind::values>},
    {"copy", "", copy_mapping},
};
constexpr Method kListMethods[] = {
    {"count", "/ value", count},
    {"index", "/ value start? stop?", index},
    {"copy", "", copy_list},  // the last: tuples and ranges have it not
};
constexpr Method kIntegerMethods[] = {
    {"bit_length", "", bit_length},
    {"conjugate", "", same_number},
};
constexpr Method kRealMethods[] = {
    {"is_integer", "", is_whole_number},
    {"conjugate", "", same_number},
};
constexpr Method kLoopMethods[] = {
    {"cycle", "*", nullptr, cycle},
    {"changed", "*", nullptr, changed},
};
constexpr Method kCyclerMethods[] = {
    {"next", "", next_of_cycle},
    {"reset", "", reset_cycle},
};

std::span<const Method> methods_of(const Value& object) {
  switch (object.kind) {
    case Kind::string: return string_methods();
    case Kind::mapping: return kMappingMethods;
    case Kind::list: return kListMethods;
    case Kind::tuple:
    case Kind::range: return std::span(kListMethods).first(2);
    case Kind::boolean:
    case Kind::integer:
    case Kind::wide: return kIntegerMethods;
    case Kind::real: return kRealMethods;
    case Kind::loop: return kLoopMethods;
    case Kind::cycler: return kCyclerMethods;
    default: return {};
  }
}

}  // namespace

const Method* find_method(const Value& object, std::string_view name) {
  const std::span<const Method> methods = methods_of(object);
  const auto found = std::find_if(methods.begin(), methods.end(), [&](const Method& method) {
      return method.name == name; });
  return found == methods.end() ? nullptr : &*found;
}

bool changes(const Value& object, std::string_view name) {
  constexpr std::string_view kOfLists[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
  constexpr std::string_view kOfMappings[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (object.is(Kind::list)) return std::find(std::begin(kOfLists), std::end(kOfLists), name) != std::end(kOfLists);
  return object.is(Kind::mapping) &&
         std::find(std::begin(kOfMappings), std::end(kOfMappings), name) != std::end(kOfMappings);
}

}  // namespace mica::jinja
