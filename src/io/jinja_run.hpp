// One rendering: the state of an evaluation, and what its parts (statements, expressions, operators, filters, methods,
// printing) ask of each other. Not the tree, which many renderings may share.
#pragma once

#include <ctime>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "jinja_tree.hpp"
#include "jinja_value.hpp"
#include "status.hpp"

namespace mica::jinja {

// Variables of a block, by name; those of the block around are seen through it.
struct Scope {
  struct Variable {
    uint32_t name;
    Value value;
  };
  const Scope* outer = nullptr;
  Variable* variables = nullptr;
  uint32_t count = 0, capacity = 0;
};

struct Named {
  std::string_view name;
  Value value;
};

struct Arguments {
  std::span<const Value> plain;
  std::span<const Named> named;
};

struct Macro {
  uint32_t node;        // of a macro or of a call block
  const Scope* scope;   // where it was written
  bool is_caller;
};

struct Cycler {
  const Value* items;
  uint32_t count, place = 0;
};

struct Joiner {
  std::string_view separator;
  bool used = false;
};

struct Method;
struct Bound {
  Value self;
  const Method* method;
};

// A loop while it runs. Items that a condition lets through are looked for as late as they are needed, as its body may
// change what the condition sees.
struct Loop {
  uint32_t node;
  const Scope* outer;
  const Value* items = nullptr;
  uint32_t count = 0, next = 0;
  const Value* ahead = nullptr;  // found, but not yet reached
  uint32_t ahead_count = 0;
  uint32_t index0 = 0;
  uint32_t depth0 = 0;
  Value previous, current, changed_last;
  bool has_changed = false;
};

// All functions that can fail return false then, and the first failure is kept. Texts that are given in are borrowed;
// texts of values lie in the heap, the tree or the input.
class Run {
 public:
  Run(const Tree& tree, const std::tm& now) : tree_(tree), heap(limits::kTemplateMemoryBytesMax), now_(now) {}

  bool render(std::string* out);
  void set_global(std::string_view name, const Value& value);
  const Status& status() const { return status_; }

  [[gnu::format(printf, 2, 3)]] bool fail(const char* format, ...);
  bool fail_with(Code code, const char* format, ...) __attribute__((format(printf, 3, 4)));
  bool fail_memory();
  // Counts work that is not a node: items or bytes / 16.
  bool charge(uint64_t steps);
  bool charge_text(size_t bytes) { return charge(bytes / 16 + 1); }

  // --- values (jinja_objects.cpp)
  // A string of the heap.
  bool text(std::string_view content, Value* out, bool marked = false);
  bool integer(Integer number, Value* out);
  // A list or tuple of items that lie in the heap.
  bool sequence(Kind kind, const Value* items, size_t count, Value* out);
  bool copied_sequence(Kind kind, std::span<const Value> items, Value* out);
  bool stream(std::span<const Value> items, Value* out);
  bool mapping(std::span<const Entry> entries, Kind kind, Value* out);
  bool truth(const Value& value) const;
  // Items of anything that can be gone through; a stream is empty after it.
  bool iterate(const Value& value, std::span<const Value>* out);
  bool length(const Value& value, int64_t* out);
  bool has_length(const Value& value) const;
  // "a list", "the undefined x": for messages, valid until the next call.
  const char* describe(const Value& value);

  // --- lookup (jinja_lookup.cpp)
  bool attribute(const Value& object, std::string_view name, Value* out);
  bool item(const Value& object, const Value& key, Value* out);
  bool slice(const Value& object, const Value (&parts)[3], Value* out);
  // "a.b.0" of filters.
  bool path(const Value& object, const Value& dotted, Value* out);

  // --- operators (jinja_operators.cpp)
  bool binary(Operator op, const Value& left, const Value& right, Value* out);
  bool negative(const Value& value, Value* out);
  bool positive(const Value& value, Value* out);
  bool equal(const Value& left, const Value& right, bool* out);
  bool less(const Value& left, const Value& right, bool or_equal, bool* out);
  bool contains(const Value& container, const Value& value, bool* out);
  bool compare(Operator op, const Value& left, const Value& right, Value* out);
  bool concatenate(std::span<const Value> parts, Value* out);

  // --- printing (jinja_print.cpp, jinja_json.cpp)
  // Appends str(value), repr(value).
  bool print(const Value& value, std::string* out);
  bool represent(const Value& value, std::string* out);
  // str(value): the value itself where it is a string.
  bool as_text(const Value& value, std::string_view* out);
  struct JsonForm {
    bool ascii = false, sorted = false, has_indent = false;
    std::string indent;
    std::string_view item_separator = ", ", key_separator = ": ";
  };
  bool write_json(const Value& value, const JsonForm& form, std::string* out);
  bool escape_html(const Value& value, Value* out);
  bool room(size_t bytes);  // whether a text may grow so large

  // --- calls (jinja_calls.cpp)
  bool call(const Value& callee, const Arguments& arguments, Value* out);
  bool call_filter(uint8_t filter, const Value& subject, const Arguments& arguments, Value* out);
  bool call_test(uint8_t test, const Value& subject, const Arguments& arguments, bool* out);
  // Puts arguments at the places of a signature: "required required? |positional", see jinja_tables.hpp.
  bool bind(const char* what, std::string_view signature, const Arguments& arguments, Value* out, size_t* count);
  bool call_function(uint32_t function, const Arguments& arguments, Value* out);

  const Tree& tree() const { return tree_; }
  const std::tm& now() const { return now_; }
  bool escapes() const { return escapes_; }

 private:
  enum class Flow : uint8_t { on, leave, next };
  struct Deeper;

  // --- statements (jinja_statements.cpp)
  bool execute(uint32_t node);
  bool execute_in(uint32_t node, Scope* scope);
  bool print_node(uint32_t node);
  bool assign(uint32_t target, const Value& value, Scope* scope);
  bool assign_member(const Node& node, const Value& value);
  bool set_variable(Scope* scope, uint32_t name, const Value& value);
  bool set_block(const Node& node);
  bool branches(const Node& node);
  bool loop(const Node& node);
  bool run_loop(Loop* loop, std::span<const Value> items);
  bool fresh_scope(const Scope* outer, Scope** out, uint32_t* macros_before);
  bool next_of(Loop* loop, Value* out, bool* has);
  bool look_ahead(Loop* loop, bool all, bool* has);
  bool with(const Node& node);
  bool block(const Node& node);
  bool autoescape(const Node& node);
  bool call_block(const Node& node);
  bool filter_block(const Node& node);
  // Runs `body` and takes what it prints as a value.
  bool capture(const std::function<bool()>& body, Value* out);

  // --- expressions (jinja_expressions.cpp)
  bool evaluate(uint32_t node, Value* out);
  bool evaluate_now(const Node& node, Value* out);
  bool variable(uint32_t name, Value* out);
  bool display(const Node& node, Value* out);
  bool mapping_display(const Node& node, Value* out);
  bool item_of(const Node& node, Value* out);
  bool comparison(const Node& node, Value* out);
  bool filter_of(const Node& node, Value* out);
  bool conditional(const Node& node, Value* out);
  bool call_of(const Node& node, const Value* caller, Value* out);
  struct ReadArguments;
  bool read_arguments(const Node& node, uint32_t first, ReadArguments* out);
  bool add_named(const Value& value, ReadArguments* out);
  bool call_macro(const Macro& macro, const Arguments& arguments, Value* out);
  bool macro_arguments(const Node& node, uint32_t first, const Arguments& arguments, Scope* scope);
  bool loop_attribute(Loop* loop, std::string_view name, Value* out);
  bool macro_attribute(const Macro& macro, std::string_view name, Value* out);
  friend struct LoopCalls;

  const Tree& tree_;

 public:
  Heap heap;

 private:
  std::tm now_;
  Status status_;
  std::string* out_ = nullptr;
  Scope globals_, top_;
  Scope* scope_ = nullptr;
  Flow flow_ = Flow::on;
  Value filtered_;  // what a filter without a subject is over
  bool escapes_ = false;
  uint32_t macros_made_ = 0;  // each may hold on to the variables around it
  uint32_t line_ = 1;
  uint32_t depth_ = 0;
  uint64_t steps_left_ = limits::kTemplateStepsMax;
  std::string described_;
};

struct Run::Deeper {
  explicit Deeper(Run* run) : run_(*run) { ++run_.depth_; }
  ~Deeper() { --run_.depth_; }
  bool ok() const {
    return run_.depth_ <= limits::kTemplateDepthMax ||
           run_.fail_with(Code::limit_exceeded, "calls are nested deeper than mica follows");
  }
  Run& run_;
};

}  // namespace mica::jinja
