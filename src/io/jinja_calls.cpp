// Calls: what is called, and how arguments find their places. See jinja_run.hpp.
#include <algorithm>

#include "jinja_run.hpp"
#include "jinja_tables.hpp"

namespace mica::jinja {
namespace {

template <class Row>
uint8_t place_of(std::span<const Row> rows, std::string_view name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
  return found == rows.end() ? kUnknown : static_cast<uint8_t>(found - rows.begin());
}

}  // namespace

uint8_t find_filter(std::string_view name) { return place_of(filters(), name); }
uint8_t find_test(std::string_view name) { return place_of(tests(), name); }

bool Run::bind(const char* what, std::string_view signature, const Arguments& arguments, Value* out, size_t* count) {
  size_t place = 0, taken = 0;
  bool by_place_alone = false;
  while (!signature.empty()) {
    const size_t blank = std::min(signature.find(' '), signature.size());
    std::string_view name = signature.substr(0, blank);
    signature.remove_prefix(std::min(blank + 1, signature.size()));
    if (name == "/") {
      by_place_alone = true;
      continue;
    }
    const bool optional = name.ends_with('?');
    if (optional) name.remove_suffix(1);
    Value& value = out[place];
    value = Value::absent();
    const auto named = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [&](const Named& one) { return !by_place_alone && one.name == name; });
    if (named != arguments.named.end()) ++taken;
    if (place < arguments.plain.size()) {
      if (named != arguments.named.end()) return fail("%s is given an argument twice", what);
      value = arguments.plain[place];
    } else if (named != arguments.named.end()) {
      value = named->value;
    } else if (!optional) {
      return fail("%s lacks its argument %.*s", what, static_cast<int>(name.size()), name.data());
    }
    ++place;
  }
  *count = place;
  if (arguments.plain.size() > place) return fail("%s takes at most %zu arguments", what, place);
  return taken == arguments.named.size() || fail("%s is given a named argument that it does not take", what);
}

bool Run::call_filter(uint8_t place, const Value& subject, const Arguments& arguments, Value* out) {
  const Filter& filter = filters()[place];
  const Value self = subject;
  if (filter.apply_any != nullptr) return filter.apply_any(*this, self, arguments, out);
  Value bound[kArgumentsMax];
  size_t count = 0;
  return bind(filter.name.data(), filter.signature, arguments, bound, &count) && filter.apply(*this, self, bound, out);
}

bool Run::call_test(uint8_t place, const Value& subject, const Arguments& arguments, bool* out) {
  const Test& test = tests()[place];
  Value bound[kArgumentsMax];
  size_t count = 0;
  return bind(test.name.data(), test.signature, arguments, bound, &count) && test.apply(*this, subject, bound, out);
}

bool Run::call_function(uint32_t place, const Arguments& arguments, Value* out) {
  const Function& function = functions()[place];
  if (function.apply_any != nullptr) return function.apply_any(*this, arguments, out);
  Value bound[kArgumentsMax];
  size_t count = 0;
  return bind(function.name.data(), function.signature, arguments, bound, &count) && function.apply(*this, bound, out);
}

bool Run::call(const Value& callee, const Arguments& arguments, Value* out) {
  switch (callee.kind) {
    case Kind::macro: return call_macro(*callee.macro, arguments, out);
    case Kind::function: return call_function(callee.size, arguments, out);
    case Kind::method: {
      const Bound& bound = *callee.bound;
      const Method& method = *bound.method;
      if (method.apply_any != nullptr) return method.apply_any(*this, bound.self, arguments, out);
      Value values[kArgumentsMax];
      size_t count = 0;
      if (!bind(method.name.data(), method.signature, arguments, values, &count)) return false;
      if (!method.apply(*this, bound.self, values, out)) return false;
      // What is made of a marked text is marked.
      if (out->is_string() && bound.self.is_string()) out->marked = bound.self.marked;
      return true;
    }
    case Kind::loop: {
      Value items_value;
      size_t count = 0;
      std::span<const Value> items;
      if (tree_.nodes[callee.loop->node].detail == 0) return fail("a loop that is called must be marked as recursive");
      if (!bind("loop", "/ items", arguments, &items_value, &count) || !iterate(items_value, &items)) return false;
      auto* inner = heap.make<Loop>();
      if (inner == nullptr) return fail_memory();
      inner->node = callee.loop->node;
      inner->outer = callee.loop->outer;
      inner->depth0 = callee.loop->depth0 + 1;
      return capture([&] { return run_loop(inner, items); }, out);
    }
    case Kind::joiner: {
      size_t count = 0;
      if (!bind("joiner", "", arguments, nullptr, &count)) return false;
      *out = Value::string(callee.joiner->used ? callee.joiner->separator : std::string_view());
      callee.joiner->used = true;
      return true;
    }
    case Kind::block: {
      Scope* const before = scope_;
      scope_ = &top_;
      const bool ok = capture([&] { return block(tree_.nodes[callee.size]); }, out);
      scope_ = before;
      return ok;
    }
    default: return fail("%s cannot be called", describe(callee));
  }
}

}  // namespace mica::jinja
