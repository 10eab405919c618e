// Filters over lists, mappings and whatever else has items. See jinja_tables.hpp.
#include <algorithm>
#include <vector>

#include "jinja_arguments.hpp"
#include "jinja_tables.hpp"
#include "jinja_text.hpp"

namespace mica::jinja {
namespace {

bool list(Run& run, const Value& subject, const Value*, Value* out) {
  std::span<const Value> items;
  return run.iterate(subject, &items) && run.copied_sequence(Kind::list, items, out);
}

bool length(Run& run, const Value& subject, const Value*, Value* out) {
  int64_t count = 0;
  if (!run.length(subject, &count)) return false;
  *out = Value::integer_of(count);
  return true;
}

bool first(Run& run, const Value& subject, const Value*, Value* out) {
  if (subject.is(Kind::stream)) {  // the others stay
    Stream& stream = *subject.stream;
    *out = stream.next < stream.count ? stream.items[stream.next++] : Value::undefined("the first of no items");
    return true;
  }
  std::span<const Value> items;
  if (!run.iterate(subject, &items)) return false;
  *out = items.empty() ? Value::undefined("the first of no items") : items.front();
  return true;
}

bool last(Run& run, const Value& subject, const Value*, Value* out) {
  if (subject.is(Kind::stream)) return run.fail("a stream of items has no last one; `| list` makes a list of it");
  std::span<const Value> items;
  if (!run.iterate(subject, &items)) return false;
  *out = items.empty() ? Value::undefined("the last of no items") : items.back();
  return true;
}

bool reverse(Run& run, const Value& subject, const Value*, Value* out) {
  std::span<const Value> items;
  if (!run.iterate(subject, &items)) return false;
  std::vector<Value> reversed(items.rbegin(), items.rend());
  if (subject.is_string()) return join(run, {}, reversed, true, out);
  return subject.is(Kind::stream) ? run.copied_sequence(Kind::list, reversed, out) : run.stream(reversed, out);
}

bool items_of(Run& run, const Value& subject, const Value*, Value* out) {
  std::span<const Value> items;
  Value view = subject;
  if (subject.is(Kind::mapping)) view.kind = Kind::items;
  else if (!subject.is(Kind::undefined)) return run.fail("only a mapping has pairs, not %s", run.describe(subject));
  return run.iterate(view, &items) && run.stream(items, out);
}

bool join_filter(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::span<const Value> items;
  std::string_view separator;
  if (!run.iterate(subject, &items)) return false;
  if (!arguments[0].is(Kind::absent) && !run.as_text(arguments[0], &separator)) return false;
  if (!is_given(arguments[1])) return join(run, separator, items, false, out);
  std::vector<Value> found(items.size());
  for (size_t i = 0; i < items.size(); ++i)
    if (!run.path(items[i], arguments[1], &found[i])) return false;
  return join(run, separator, found, false, out);
}

// By what values are sorted and compared: an attribute, text without its case.
bool key_of(Run& run, const Value& item, const Value& attribute, bool cased, Value* out) {
  *out = item;
  if (is_given(attribute) && !run.path(item, attribute, out)) return false;
  if (cased || !out->is_string()) return true;
  return run.charge_text(out->size * 4) && run.text(lower_case(out->view()), out);
}

struct Keyed {
  Value key, item;
};

// Stable. With `equal_have_no_order`, equal keys are not asked which is less: sort compares lists of keys, and lists look
// for what differs first.
bool sort_by_key(Run& run, bool equal_have_no_order, bool reversed, std::vector<Keyed>* items) {
  bool ok = true;
  std::stable_sort(items->begin(), items->end(), [&](const Keyed& a, const Keyed& b) {
    bool same = false, is_less = false;
    const Value& first = reversed ? b.key : a.key;
    const Value& second = reversed ? a.key : b.key;
    if (ok && equal_have_no_order) ok = run.equal(first, second, &same);
    if (ok && !same) ok = run.less(first, second, false, &is_less);
    return ok && is_less;
  });
  return ok;
}

bool sorted(Run& run, std::vector<Keyed>* items, bool equal_have_no_order, bool reversed, Value* out) {
  if (!sort_by_key(run, equal_have_no_order, reversed, items)) return false;
  std::vector<Value> ordered;
  for (const Keyed& one : *items) ordered.push_back(one.item);
  return run.copied_sequence(Kind::list, ordered, out);
}

bool sort(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::span<const Value> items;
  if (!run.iterate(subject, &items)) return false;
  const bool cased = truth_argument(run, arguments[1], false);
  std::vector<Keyed> keyed(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    keyed[i].item = items[i];
    std::vector<Value> keys;
    std::string_view names = arguments[2].is_string() ? arguments[2].view() : std::string_view();
    for (bool more = true; more;) {  // "a,b": by a, then by b
      const size_t comma = std::min(names.find(','), names.size());
      const Value name = arguments[2].is_string() ? Value::string(names.substr(0, comma)) : arguments[2];
      more = comma < names.size();
      names.remove_prefix(std::min(comma + 1, names.size()));
      if (!key_of(run, items[i], name, cased, &keys.emplace_back())) return false;
    }
    if (keys.size() == 1) keyed[i].key = keys[0];
    else if (!run.copied_sequence(Kind::list, keys, &keyed[i].key)) return false;
  }
  return sorted(run, &keyed, true, truth_argument(run, arguments[0], false), out);
}

bool dict_sort(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::string_view by;
  if (!text_argument(run, arguments[1], "key", &by)) return false;
  if (by != "key" && by != "value") return run.fail("dictsort goes by key or by value");
  if (!subject.is(Kind::mapping)) return run.fail("dictsort takes a mapping, not %s", run.describe(subject));
  std::span<const Value> items;
  Value view = subject;
  view.kind = Kind::items;
  if (!run.iterate(view, &items)) return false;
  std::vector<Keyed> keyed(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    keyed[i].item = items[i];
    if (!key_of(run, items[i].items_at[by == "value"], Value::absent(), truth_argument(run, arguments[0], false),
                &keyed[i].key)) {
      return false;
    }
  }
  return sorted(run, &keyed, false, truth_argument(run, arguments[2], false), out);
}

bool group_by(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::span<const Value> items;
  if (!run.iterate(subject, &items)) return false;
  const bool cased = truth_argument(run, arguments[2], false);
  const auto attribute_of = [&](const Value& item, Value* value) {
    if (!run.path(item, arguments[0], value)) return false;
    if (value->is(Kind::undefined) && is_given(arguments[1])) *value = arguments[1];
    return true;
  };
  std::vector<Keyed> keyed(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    keyed[i].item = items[i];
    Value value;
    if (!attribute_of(items[i], &value) || !key_of(run, value, Value::absent(), cased, &keyed[i].key)) return false;
  }
  if (!sort_by_key(run, false, false, &keyed)) return false;
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size();) {
    std::vector<Value> members;
    size_t end = begin;
    for (bool same = true; end < keyed.size(); ++end) {
      if (!run.equal(keyed[begin].key, keyed[end].key, &same)) return false;
      if (!same) break;
      members.push_back(keyed[end].item);
    }
    Value pair[2];
    if (!attribute_of(members[0], &pair[0]) || !run.copied_sequence(Kind::list, members, &pair[1]) ||
        !run.copied_sequence(Kind::tuple, pair, &groups.emplace_back())) {
      return false;
    }
    groups.back().marked = true;
    begin = end;
  }
  return run.copied_sequence(Kind::list, groups, out);
}

bool extreme(Run& run, const Value& subject, const Value* arguments, bool largest, Value* out) {
  std::span<const Value> items;
  if (!run.iterate(subject, &items)) return false;
  *out = Value::undefined("the extreme of no items");
  Value best;
  for (size_t i = 0; i < items.size(); ++i) {
    Value key;
    bool better = i == 0;
    if (!key_of(run, items[i], arguments[1], truth_argument(run, arguments[0], false), &key)) return false;
    if (i > 0 && !run.less(largest ? best : key, largest ? key : best, false, &better)) return false;
    if (!better) continue;
    best = key;
    *out = items[i];
  }
  return true;
}

bool smallest(Run& run, const Value& subject, const Value* arguments, Value* out) {
  return extreme(run, subject, arguments, false, out);
}
bool largest(Run& run, const Value& subject, const Value* arguments, Value* out) {
  return extreme(run, subject, arguments, true, out);
}

bool sum(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::span<const Value> items;
  if (!run.iterate(subject, &items)) return false;
  Value total = arguments[1].is(Kind::absent) ? Value::integer_of(0) : arguments[1];
  if (total.is_string()) return run.fail("sum adds numbers, not texts");
  for (const Value& item : items) {
    Value value = item;
    if (is_given(arguments[0]) && !run.path(item, arguments[0], &value)) return false;
    if (!run.charge(1) || !run.binary(Operator::add, Value(total), value, &total)) return false;
  }
  *out = total;
  return true;
}

bool unique(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::span<const Value> items;
  Value seen;
  if (!run.iterate(subject, &items) || !run.mapping({}, Kind::mapping, &seen)) return false;
  std::vector<Value> kept;
  for (const Value& item : items) {
    Value key;
    if (!key_of(run, item, arguments[1], truth_argument(run, arguments[0], false), &key)) return false;
    if (!can_be_key(key)) return run.fail("unique cannot compare %s", run.describe(key));
    if (!run.charge_text(key.is_string() ? key.size : 0)) return false;
    if (seen.mapping->find(key) != nullptr) continue;
    if (!set_entry(&run.heap, seen.mapping, key, Value::none())) return run.fail_memory();
    kept.push_back(item);
  }
  return run.stream(kept, out);
}

bool count_argument(Run& run, const char* filter, const Value& argument, size_t* out) {
  int64_t count = 0;
  if (!integer_argument(run, argument, 0, &count)) return false;
  if (count < 1 || count > static_cast<int64_t>(limits::kTemplateRangeMax)) {
    return run.fail("%s takes a count from 1 to %zu", filter, limits::kTemplateRangeMax);
  }
  *out = static_cast<size_t>(count);
  return true;
}

bool batch(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::span<const Value> items;
  size_t size = 0;
  if (!run.iterate(subject, &items) || !count_argument(run, "batch", arguments[0], &size)) return false;
  std::vector<Value> batches;
  for (size_t begin = 0; begin < items.size(); begin += size) {
    std::vector<Value> some(items.begin() + static_cast<ptrdiff_t>(begin),
                            items.begin() + static_cast<ptrdiff_t>(std::min(begin + size, items.size())));
    if (is_given(arguments[1])) some.resize(size, arguments[1]);
    if (!run.copied_sequence(Kind::list, some, &batches.emplace_back())) return false;
  }
  return run.stream(batches, out);
}

bool slice(Run& run, const Value& subject, const Value* arguments, Value* out) {
  std::span<const Value> items;
  size_t slices = 0;
  if (!run.iterate(subject, &items) || !count_argument(run, "slice", arguments[0], &slices)) return false;
  std::vector<Value> made;
  auto at = items.begin();
  for (size_t i = 0; i < slices; ++i) {
    const bool is_longer = i < items.size() % slices;
    const auto end = at + static_cast<ptrdiff_t>(items.size() / slices + is_longer);
    std::vector<Value> some(at, end);
    if (is_given(arguments[1]) && !is_longer) some.push_back(arguments[1]);
    if (!run.copied_sequence(Kind::list, some, &made.emplace_back())) return false;
    at = end;
  }
  return run.stream(made, out);
}

// Nothing at all has no items for map, select and their like.
bool iterate_any(Run& run, const Value& subject, std::span<const Value>* items) {
  *items = {};
  return !run.truth(subject) || run.iterate(subject, items);
}

bool map(Run& run, const Value& subject, const Arguments& arguments, Value* out) {
  std::span<const Value> items;
  if (!iterate_any(run, subject, &items)) return false;
  std::vector<Value> mapped(items.size());
  if (arguments.plain.empty()) {
    Value values[kArgumentsMax];
    size_t count = 0;
    if (!run.bind("map", "attribute default?", arguments, values, &count)) return false;
    for (size_t i = 0; i < items.size(); ++i) {
      if (!run.path(items[i], values[0], &mapped[i])) return false;
      if (mapped[i].is(Kind::undefined) && is_given(values[1])) mapped[i] = values[1];
    }
    return run.stream(mapped, out);
  }
  std::string_view name;
  if (!text_argument(run, arguments.plain[0], {}, &name)) return false;
  const uint8_t filter = find_filter(name);
  if (filter == kUnknown && !items.empty()) return run.fail("map names a filter that there is not");
  for (size_t i = 0; i < items.size(); ++i) {
    if (!run.charge(1) || !run.call_filter(filter, items[i], {arguments.plain.subspan(1), arguments.named},
                                           &mapped[i])) return false;
  }
  return run.stream(mapped, out);
}

bool choose(Run& run, const Value& subject, const Arguments& arguments, bool by_attribute, bool wanted, Value* out) {
  std::span<const Value> items;
  if (!iterate_any(run, subject, &items)) return false;
  std::span<const Value> rest = arguments.plain;
  if (by_attribute && rest.empty() && !items.empty()) return run.fail("the name of an attribute is missing");
  const Value attribute = by_attribute && !rest.empty() ? rest[0] : Value::none();
  if (by_attribute && !rest.empty()) rest = rest.subspan(1);
  uint8_t test = kUnknown;
  if (!rest.empty()) {
    std::string_view name;
    if (!text_argument(run, rest[0], {}, &name)) return false;
    test = find_test(name);
    if (test == kUnknown && !items.empty()) return run.fail("there is no such test");
    rest = rest.subspan(1);
  }
  std::vector<Value> kept;
  for (const Value& item : items) {
    Value value;
    if (!run.charge(1) || !run.path(item, attribute, &value)) return false;
    bool passes = run.truth(value);
    if (test != kUnknown && !run.call_test(test, value, {rest, arguments.named}, &passes)) return false;
    if (passes == wanted) kept.push_back(item);
  }
  return run.stream(kept, out);
}

template <bool kByAttribute, bool kWanted>
bool chosen(Run& run, const Value& subject, const Arguments& arguments, Value* out) {
  return choose(run, subject, arguments, kByAttribute, kWanted, out);
}

constexpr Filter kFilters[] = {
    {"list", "", list},
    {"length", "", length},
    {"count", "", length},
    {"first", "", first},
    {"last", "", last},
    {"reverse", "", reverse},
    {"items", "", items_of},
    {"join", "d? attribute?", join_filter},
    {"sort", "reverse? case_sensitive? attribute?", sort},
    {"dictsort", "case_sensitive? by? reverse?", dict_sort},
    {"groupby", "attribute default? case_sensitive?", group_by},
    {"min", "case_sensitive? attribute?", smallest},
    {"max", "case_sensitive? attribute?", largest},
    {"sum", "attribute? start?", sum},
    {"unique", "case_sensitive? attribute?", unique},
    {"batch", "linecount fill_with?", batch},
    {"slice", "slices fill_with?", slice},
    {"map", "*", nullptr, map},
    {"select", "*", nullptr, chosen<false, true>},
    {"reject", "*", nullptr, chosen<false, false>},
    {"selectattr", "*", nullptr, chosen<true, true>},
    {"rejectattr", "*", nullptr, chosen<true, false>},
};

}  // namespace

std::span<const Filter> item_filters() { return kFilters; }

}  // namespace mica::jinja
