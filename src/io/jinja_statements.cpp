// Statements of the template language: what is printed, set and repeated. See jinja_run.hpp.
#include <algorithm>

#include "jinja_run.hpp"
#include "jinja_tables.hpp"

namespace mica::jinja {
namespace {

template <class T>
struct Kept {  // gives a member its value back at the end of a block
  explicit Kept(T* place) : place_(place), value_(*place) {}
  ~Kept() { *place_ = value_; }
  T* place_;
  T value_;
};

}  // namespace

bool Run::render(std::string* out) {
  for (size_t i = 0; i < functions().size(); ++i) {
    Value function = Value::of(Kind::function);
    function.size = static_cast<uint32_t>(i);
    // What the caller gives goes before what the language has.
    const std::string_view name = functions()[i].name;
    const auto known = std::find(tree_.names.begin(), tree_.names.end(), name);
    const bool is_given = std::any_of(globals_.variables, globals_.variables + globals_.count,
                                      [&](const auto& variable) {
      return tree_.names[variable.name] == name;
    });
    if (known != tree_.names.end() && !is_given) set_global(name, function);
  }
  set_global("self", Value::of(Kind::itself));
  out_ = out;
  top_.outer = &globals_;
  scope_ = &top_;
  return status_.is_ok() && execute(tree_.root);
}

void Run::set_global(std::string_view name, const Value& value) {
  const auto known = std::find(tree_.names.begin(), tree_.names.end(), name);
  if (known == tree_.names.end()) return;  // the template does not ask for it
  set_variable(&globals_, static_cast<uint32_t>(known - tree_.names.begin()), value);
}

bool Run::set_variable(Scope* scope, uint32_t name, const Value& value) {
  for (uint32_t i = 0; i < scope->count; ++i) {
    if (scope->variables[i].name != name) continue;
    scope->variables[i].value = value;
    return true;
  }
  if (scope->count == scope->capacity) {
    const uint32_t capacity = std::max<uint32_t>(4, 2 * scope->capacity);
    auto* variables = heap.make<Scope::Variable>(capacity);
    if (variables == nullptr) return fail_memory();
    std::copy_n(scope->variables, scope->count, variables);
    scope->variables = variables;
    scope->capacity = capacity;
  }
  scope->variables[scope->count++] = {name, value};
  return charge(scope->count / 8);
}

bool Run::execute_in(uint32_t node, Scope* scope) {
  const Kept kept(&scope_);
  scope_ = scope;
  return execute(node);
}

bool Run::execute(uint32_t place) {
  const Deeper deeper(this);
  const Node& node = tree_.nodes[place];
  line_ = node.line;
  if (!deeper.ok() || !charge(1)) return false;
  switch (node.op) {
    case Op::body:
      for (uint32_t i = 0; i < node.count && flow_ == Flow::on; ++i)
        if (!execute(tree_.child(node, i))) return false;
      return true;
    case Op::text: {
      const std::string_view content = tree_.constants[node.name].view();
      if (!room(out_->size() + content.size())) return false;
      *out_ += content;
      return true;
    }
    case Op::print: return print_node(tree_.child(node, 0));
    case Op::set: {
      Value value;
      return evaluate(tree_.child(node, 1), &value) && assign(tree_.child(node, 0), value, scope_);
    }
    case Op::set_block: return set_block(node);
    case Op::branches: return branches(node);
    case Op::loop: return loop(node);
    case Op::macro: {
      auto* macro = heap.make<Macro>();
      if (macro == nullptr) return fail_memory();
      *macro = {place, scope_, false};
      ++macros_made_;
      Value value = Value::of(Kind::macro);
      value.macro = macro;
      return set_variable(scope_, node.name, value);
    }
    case Op::call_block: return call_block(node);
    case Op::filter_block: return filter_block(node);
    case Op::with: return with(node);
    case Op::block: return block(node);
    case Op::autoescape: return autoescape(node);
    case Op::leave: flow_ = Flow::leave; return true;
    case Op::next: flow_ = Flow::next; return true;
    case Op::foreign: {
      const std::string_view name = tree_.names[node.name];
      return fail("{%% %.*s %%} asks for another template, and there is none", static_cast<int>(name.size()),
                  name.data());
    }
    default: return fail("a node that is no statement");
  }
}

bool Run::print_node(uint32_t node) {
  Value value;
  if (!evaluate(node, &value)) return false;
  if (escapes_ && !escape_html(value, &value)) return false;
  return print(value, out_);
}

bool Run::assign(uint32_t place, const Value& value, Scope* scope) {
  const Node& node = tree_.nodes[place];
  if (node.op == Op::variable) return set_variable(scope, node.name, value);
  if (node.op == Op::member) return assign_member(node, value);
  std::span<const Value> items;
  if (!iterate(value, &items)) return false;
  if (items.size() != node.count) {
    return fail("%zu values cannot be given to %u names", items.size(), node.count);
  }
  for (uint32_t i = 0; i < node.count; ++i)
    if (!assign(tree_.child(node, i), items[i], scope)) return false;
  return true;
}

bool Run::assign_member(const Node& node, const Value& value) {
  Value object;
  if (!variable(node.name, &object)) return false;
  const std::string_view name = tree_.constants[node.first].view();
  if (!object.is(Kind::name_space)) {
    return fail("only attributes of a namespace can be set, and %s is none", describe(object));
  }
  if (name.starts_with('_')) return fail("a namespace has no names that begin with _");
  return set_entry(&heap, object.mapping, Value::string(name), value) || fail_memory();
}

bool Run::capture(const std::function<bool()>& body, Value* out) {
  const size_t start = out_->size();
  if (!body()) return false;
  const bool ok = text(std::string_view(*out_).substr(start), out, escapes_);
  out_->resize(start);
  return ok;
}

bool Run::set_block(const Node& node) {
  Value content;
  auto* scope = heap.make<Scope>();
  if (scope == nullptr) return fail_memory();
  scope->outer = scope_;
  if (!capture([&] { return execute_in(tree_.child(node, 2), scope); }, &content)) return false;
  if (flow_ != Flow::on) return true;
  const uint32_t filter = tree_.child(node, 1);
  if (filter != kNoNode) {
    const Kept kept(&filtered_);
    const Kept kept_scope(&scope_);
    scope_ = scope;
    filtered_ = content;
    if (!evaluate(filter, &content)) return false;
  }
  return assign(tree_.child(node, 0), content, scope_);
}

bool Run::filter_block(const Node& node) {
  Value content;
  auto* scope = heap.make<Scope>();
  if (scope == nullptr) return fail_memory();
  scope->outer = scope_;
  if (!capture([&] { return execute_in(tree_.child(node, 1), scope); }, &content)) return false;
  if (flow_ != Flow::on) return true;
  const Kept kept(&filtered_);
  const Kept kept_scope(&scope_);
  scope_ = scope;
  filtered_ = content;
  return print_node(tree_.child(node, 0));
}

bool Run::branches(const Node& node) {
  for (uint32_t i = 0; i + 1 < node.count; i += 2) {
    Value condition;
    if (!evaluate(tree_.child(node, i), &condition)) return false;
    if (truth(condition)) return execute(tree_.child(node, i + 1));
  }
  return node.count % 2 == 0 || execute(tree_.child(node, node.count - 1));
}

bool Run::loop(const Node& node) {
  Value value;
  std::span<const Value> items;
  if (!evaluate(tree_.child(node, 1), &value) || !iterate(value, &items)) return false;
  auto* state = heap.make<Loop>();
  if (state == nullptr) return fail_memory();
  state->node = static_cast<uint32_t>(&node - tree_.nodes.data());
  state->outer = scope_;
  return run_loop(state, items);
}

// Variables of one pass: those of the pass before are used again, unless a macro has seen them.
bool Run::fresh_scope(const Scope* outer, Scope** out, uint32_t* macros_before) {
  if (*out == nullptr || *macros_before != macros_made_) *out = heap.make<Scope>();
  if (*out == nullptr) return fail_memory();
  *macros_before = macros_made_;
  (*out)->outer = outer;
  (*out)->count = 0;
  return true;
}

// The next item that the loop's condition lets through.
bool Run::next_of(Loop* loop, Value* out, bool* has) {
  const Node& node = tree_.nodes[loop->node];
  const uint32_t condition = tree_.child(node, 2);
  Scope* scope = nullptr;
  uint32_t macros_before = 0;
  while (loop->next < loop->count) {
    *out = loop->items[loop->next++];
    *has = true;
    if (condition == kNoNode) return true;
    Value passes;
    const Kept kept(&scope_);
    if (!fresh_scope(loop->outer, &scope, &macros_before)) return false;
    scope_ = scope;
    if (!assign(tree_.child(node, 0), *out, scope) || !evaluate(condition, &passes)) return false;
    if (truth(passes)) return true;
  }
  *has = false;
  return true;
}

// Finds the next item, or all that are left, before they are reached.
bool Run::look_ahead(Loop* loop, bool all, bool* has) {
  if (loop->ahead_count == 0 || all) {
    auto* found = heap.make<Value>(loop->ahead_count + (all ? loop->count - loop->next : 1));
    if (found == nullptr) return fail_memory();
    std::copy_n(loop->ahead, loop->ahead_count, found);
    uint32_t count = loop->ahead_count;
    for (bool more = true; more && (all || count == 0); count += more) {
      Value item;
      if (!next_of(loop, &item, &more)) return false;
      if (more) found[count] = item;
    }
    loop->ahead = found;
    loop->ahead_count = count;
  }
  *has = loop->ahead_count > 0;
  return true;
}

bool Run::run_loop(Loop* loop, std::span<const Value> items) {
  const Node& node = tree_.nodes[loop->node];
  loop->items = items.data();
  loop->count = static_cast<uint32_t>(items.size());
  const auto known = std::find(tree_.names.begin(), tree_.names.end(), "loop");
  const auto loop_name = static_cast<uint32_t>(known - tree_.names.begin());
  Value own = Value::of(Kind::loop);
  own.loop = loop;
  bool any = false;
  Scope* scope = nullptr;
  uint32_t macros_before = 0;
  for (;; ++loop->index0) {
    Value item;
    bool has = loop->ahead_count > 0;
    if (has) {
      item = *loop->ahead++;
      --loop->ahead_count;
    } else if (!next_of(loop, &item, &has)) {
      return false;
    }
    if (!has || !charge(1)) break;
    any = true;
    loop->previous = loop->current;
    loop->current = item;
    if (!fresh_scope(loop->outer, &scope, &macros_before)) return false;
    if (!assign(tree_.child(node, 0), item, scope)) return false;
    if (known != tree_.names.end() && !set_variable(scope, loop_name, own)) return false;
    if (!execute_in(tree_.child(node, 3), scope)) return false;
    const Flow flow = flow_;
    flow_ = Flow::on;
    if (flow == Flow::leave) break;
  }
  const uint32_t otherwise = tree_.child(node, 4);
  if (any || otherwise == kNoNode || !status_.is_ok()) return status_.is_ok();
  scope = nullptr;
  return fresh_scope(loop->outer, &scope, &macros_before) && execute_in(otherwise, scope);
}

// Values see what was before the block, not each other.
bool Run::with(const Node& node) {
  auto* scope = heap.make<Scope>();
  if (scope == nullptr) return fail_memory();
  scope->outer = scope_;
  for (uint32_t i = 0; i + 1 < node.count; i += 2) {
    Value value;
    if (!evaluate(tree_.child(node, i + 1), &value) || !assign(tree_.child(node, i), value, scope)) return false;
  }
  return execute_in(tree_.child(node, node.count - 1), scope);
}

// Blocks see what is set at the top of the template; scoped ones also where they stand.
bool Run::block(const Node& node) {
  auto* scope = heap.make<Scope>();
  if (scope == nullptr) return fail_memory();
  scope->outer = node.detail != 0 ? scope_ : &top_;
  return execute_in(tree_.child(node, 0), scope);
}

bool Run::autoescape(const Node& node) {
  Value condition;
  auto* scope = heap.make<Scope>();
  if (scope == nullptr) return fail_memory();
  scope->outer = scope_;
  if (!evaluate(tree_.child(node, 0), &condition)) return false;
  const Kept kept(&escapes_);
  escapes_ = truth(condition);
  return execute_in(tree_.child(node, 1), scope);
}

bool Run::call_block(const Node& node) {
  auto* macro = heap.make<Macro>();
  if (macro == nullptr) return fail_memory();
  *macro = {static_cast<uint32_t>(&node - tree_.nodes.data()), scope_, true};
  ++macros_made_;
  Value caller = Value::of(Kind::macro), result;
  caller.macro = macro;
  return call_of(tree_.nodes[tree_.child(node, 0)], &caller, &result) && print(result, out_);
}

}  // namespace mica::jinja
