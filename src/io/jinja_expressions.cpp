// Expressions of the template language: nodes to values. See jinja_run.hpp.
#include <algorithm>
#include <vector>

#include "jinja_run.hpp"
#include "jinja_tables.hpp"

namespace mica::jinja {

bool Run::evaluate(uint32_t place, Value* out) {
  const Deeper deeper(this);
  const Node& node = tree_.nodes[place];
  line_ = node.line;
  return deeper.ok() && charge(1) && evaluate_now(node, out);
}

bool Run::evaluate_now(const Node& node, Value* out) {
  const auto child = [&](uint32_t i) { return tree_.child(node, i); };
  switch (node.op) {
    case Op::constant: *out = tree_.constants[node.name]; return true;
    case Op::variable: return variable(node.name, out);
    case Op::list:
    case Op::tuple:
    case Op::concatenation: return display(node, out);
    case Op::mapping: return mapping_display(node, out);
    case Op::attribute: return evaluate(child(0), out) && attribute(*out, tree_.names[node.name], out);
    case Op::item: return item_of(node, out);
    case Op::call: return call_of(node, nullptr, out);
    case Op::filter:
    case Op::test: return filter_of(node, out);
    case Op::negative: return evaluate(child(0), out) && negative(*out, out);
    case Op::positive: return evaluate(child(0), out) && positive(*out, out);
    case Op::inverse:
      if (!evaluate(child(0), out)) return false;
      *out = Value::boolean(!truth(*out));
      return true;
    case Op::binary: {
      Value left, right;
      if (!evaluate(child(0), &left) || !evaluate(child(1), &right)) return false;
      line_ = node.line;
      return binary(static_cast<Operator>(node.detail), left, right, out);
    }
    case Op::compare: return comparison(node, out);
    case Op::conjunction:
    case Op::disjunction:
      for (uint32_t i = 0; i < node.count; ++i) {
        if (!evaluate(child(i), out)) return false;
        if (truth(*out) == (node.op == Op::disjunction)) return true;
      }
      return true;
    case Op::conditional: return conditional(node, out);
    case Op::slice: return fail("a slice cannot stand among other keys");
    default: return fail("a node that is no expression");
  }
}

bool Run::variable(uint32_t name, Value* out) {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->outer) {
    for (uint32_t i = 0; i < scope->count; ++i) {
      if (scope->variables[i].name != name) continue;
      *out = scope->variables[i].value;
      return true;
    }
  }
  *out = Value::undefined(tree_.names[name]);
  return true;
}

bool Run::display(const Node& node, Value* out) {
  auto* items = heap.make<Value>(node.count);
  if (items == nullptr) return fail_memory();
  for (uint32_t i = 0; i < node.count; ++i)
    if (!evaluate(tree_.child(node, i), &items[i])) return false;
  if (node.op == Op::concatenation) return concatenate({items, node.count}, out);
  return sequence(node.op == Op::list ? Kind::list : Kind::tuple, items, node.count, out);
}

bool Run::mapping_display(const Node& node, Value* out) {
  std::vector<Entry> entries(node.count / 2);
  for (uint32_t i = 0; i < node.count; i += 2) {
    Entry& entry = entries[i / 2];
    if (!evaluate(tree_.child(node, i), &entry.key) || !evaluate(tree_.child(node, i + 1), &entry.value)) return false;
  }
  return mapping(entries, Kind::mapping, out);
}

bool Run::item_of(const Node& node, Value* out) {
  Value object, key;
  if (!evaluate(tree_.child(node, 0), &object)) return false;
  const Node& inner = tree_.nodes[tree_.child(node, 1)];
  if (inner.op != Op::slice) return evaluate(tree_.child(node, 1), &key) && item(object, key, out);
  Value parts[3];
  for (uint32_t i = 0; i < 3; ++i) {
    const uint32_t part = tree_.child(inner, i);
    parts[i] = Value::none();
    if (part != kNoNode && !evaluate(part, &parts[i])) return false;
  }
  return slice(object, parts, out);
}

bool Run::comparison(const Node& node, Value* out) {
  Value left, right;
  if (!evaluate(tree_.child(node, 0), &left)) return false;
  for (uint32_t i = 1; i < node.count; ++i) {
    const Node& operand = tree_.nodes[tree_.child(node, i)];
    if (!evaluate(tree_.child(operand, 0), &right)) return false;
    line_ = node.line;
    if (!compare(static_cast<Operator>(operand.detail), left, right, out)) return false;
    if (!truth(*out)) return true;
    left = right;
  }
  return true;
}

bool Run::conditional(const Node& node, Value* out) {
  Value condition;
  if (!evaluate(tree_.child(node, 1), &condition)) return false;
  if (truth(condition)) return evaluate(tree_.child(node, 0), out);
  if (tree_.child(node, 2) != kNoNode) return evaluate(tree_.child(node, 2), out);
  *out = Value::undefined("the value of an if without else");
  return true;
}

// Arguments of a call, evaluated.
struct Run::ReadArguments {
  std::vector<Value> plain;
  std::vector<Named> named;
  Arguments get() const { return {plain, named}; }
};

bool Run::add_named(const Value& value, ReadArguments* out) {
  if (!value.is(Kind::mapping)) return fail("** needs a mapping, not %s", describe(value));
  for (uint32_t i = 0; i < value.mapping->count; ++i) {
    const Entry& entry = value.mapping->entries[i];
    if (!entry.key.is_string()) return fail("** needs a mapping whose keys are texts");
    const auto same = [&](const Named& named) { return named.name == entry.key.view(); };
    if (std::any_of(out->named.begin(), out->named.end(), same)) return fail("a call names an argument twice");
    if (!charge(out->named.size() / 8 + 1)) return false;
    out->named.push_back({entry.key.view(), entry.value});
  }
  return true;
}

bool Run::read_arguments(const Node& node, uint32_t first, ReadArguments* out) {
  for (uint32_t i = first; i < node.count; ++i) {
    const Node& argument = tree_.nodes[tree_.child(node, i)];
    Value value;
    const bool is_plain = argument.op != Op::keyword && argument.op != Op::star && argument.op != Op::double_star;
    if (!evaluate(is_plain ? tree_.child(node, i) : tree_.child(argument, 0), &value)) return false;
    if (argument.op == Op::keyword) {
      out->named.push_back({tree_.names[argument.name], value});
    } else if (argument.op == Op::star) {
      std::span<const Value> items;
      if (!iterate(value, &items)) return false;
      out->plain.insert(out->plain.end(), items.begin(), items.end());
    } else if (argument.op == Op::double_star) {
      if (!add_named(value, out)) return false;
    } else {
      out->plain.push_back(value);
    }
  }
  return true;
}

bool Run::filter_of(const Node& node, Value* out) {
  Value subject = filtered_;
  ReadArguments arguments;
  const std::string_view name = tree_.names[node.name];
  const bool is_filter = node.op == Op::filter;
  if (node.detail == kUnknown) {
    return fail("there is no %s named %.*s", is_filter ? "filter" : "test", static_cast<int>(name.size()), name.data());
  }
  if (tree_.child(node, 0) != kNoNode && !evaluate(tree_.child(node, 0), &subject)) return false;
  if (!read_arguments(node, 1, &arguments)) return false;
  line_ = node.line;
  if (is_filter) return call_filter(node.detail, subject, arguments.get(), out);
  bool passes = false;
  if (!call_test(node.detail, subject, arguments.get(), &passes)) return false;
  *out = Value::boolean(passes);
  return true;
}

// `caller`, which may be null, is the body of a call block.
bool Run::call_of(const Node& node, const Value* caller, Value* out) {
  Value callee;
  ReadArguments arguments;
  if (!evaluate(tree_.child(node, 0), &callee) || !read_arguments(node, 1, &arguments)) return false;
  if (caller != nullptr) arguments.named.push_back({"caller", *caller});
  line_ = node.line;
  return call(callee, arguments.get(), out);
}

bool Run::macro_arguments(const Node& node, uint32_t first, const Arguments& arguments, Scope* scope) {
  const uint32_t count = node.count - first;
  const auto named = [&](std::string_view name) {
    return std::find_if(arguments.named.begin(), arguments.named.end(), [&](const Named& n) { return n.name == name; });
  };
  size_t taken = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const Node& parameter = tree_.nodes[tree_.child(node, first + i)];
    const std::string_view name = tree_.names[parameter.name];
    Value value = Value::undefined(name);
    const auto given = named(name);
    if (i < arguments.plain.size()) {
      value = arguments.plain[i];
    } else if (given != arguments.named.end()) {
      value = given->value;
      ++taken;
    } else if (tree_.child(parameter, 0) != kNoNode) {
      if (!evaluate(tree_.child(parameter, 0), &value)) return false;
    }
    if (!set_variable(scope, parameter.name, value)) return false;
  }
  const auto set_special = [&](const char* name, const Value& value) {
    const auto known = std::find(tree_.names.begin(), tree_.names.end(), name);
    return known == tree_.names.end() || set_variable(scope, static_cast<uint32_t>(known - tree_.names.begin()), value);
  };
  if ((node.detail & kTakesCaller) != 0) {
    const auto given = named("caller");
    taken += given != arguments.named.end();
    if (!set_special("caller", given != arguments.named.end() ? given->value : Value::undefined("caller"))) {
      return false;
    }
  }
  if ((node.detail & kTakesNamed) != 0) {
    std::vector<Entry> rest;
    for (const Named& one : arguments.named) {
      bool is_parameter = (node.detail & kTakesCaller) != 0 && one.name == "caller";
      for (uint32_t i = static_cast<uint32_t>(std::min<size_t>(count, arguments.plain.size())); i < count; ++i)
        is_parameter |= tree_.names[tree_.nodes[tree_.child(node, first + i)].name] == one.name;
      if (!is_parameter) rest.push_back({Value::string(one.name), one.value});
    }
    Value value;
    if (!mapping(rest, Kind::mapping, &value) || !set_special("kwargs", value)) return false;
  } else if (taken < arguments.named.size()) {
    return fail("a macro is given a named argument that it does not take");
  }
  const size_t more = arguments.plain.size() - std::min<size_t>(arguments.plain.size(), count);
  if ((node.detail & kTakesMore) != 0) {
    Value value;
    return copied_sequence(Kind::tuple, arguments.plain.last(more), &value) && set_special("varargs", value);
  }
  return more == 0 || fail("a macro takes at most %u arguments", count);
}

bool Run::call_macro(const Macro& macro, const Arguments& arguments, Value* out) {
  const Node& node = tree_.nodes[macro.node];
  auto* scope = heap.make<Scope>();
  if (scope == nullptr) return fail_memory();
  scope->outer = macro.scope;
  const uint32_t body = macro.is_caller ? 1 : 0;
  Scope* const before = scope_;
  scope_ = scope;
  const bool ok = macro_arguments(node, body + 1, arguments, scope) &&
                  capture([&] { return execute(tree_.child(node, body)); }, out);
  scope_ = before;
  return ok;
}

}  // namespace mica::jinja
