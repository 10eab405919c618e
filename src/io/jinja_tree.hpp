// The tree of a template: nodes in one array, in the order in which the parser completes them. Not values
// (jinja_value.hpp), but for those that the template writes itself.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "jinja_value.hpp"
#include "limits.hpp"
#include "status.hpp"

namespace mica::jinja {

inline constexpr uint32_t kNoNode = UINT32_MAX;

enum class Op : uint8_t {
  // Expressions. Children in order; "?" may be kNoNode.
  constant,     // name: its place among the constants
  variable,     // name
  list, tuple,  // items
  mapping,      // key, value, key, value, ...
  slice,        // start?, stop?, step?
  attribute,    // object; name
  item,         // object, key
  call,         // callee, arguments
  filter,       // subject?, arguments; name; detail: see kUnknown
  test,         // the same
  keyword, star, double_star,  // arguments f(name=x), f(*x), f(**x): x
  negative, positive, inverse,
  binary,       // left, right; detail: Operator
  compare,      // first, then operands
  operand,      // right; detail: Operator
  conjunction, disjunction, concatenation,  // two or more
  conditional,  // then, condition, otherwise?
  // Targets of assignments, beside variable and tuple.
  member,       // name; its attribute is the constant at `first`, and it has no children
  // Statements.
  body,
  text,         // name: its place among the constants
  print,        // one expression
  set,          // target, value
  set_block,    // target, filter?, body
  branches,     // condition, body, condition, body, ..., else body?
  loop,         // target, items, condition?, body, else body?; detail: 1 for a recursive one
  macro,        // body, parameters; name; detail: MacroTakes
  parameter,    // default?; name
  call_block,   // call, body, parameters; detail: MacroTakes
  filter_block, // filter, body
  with,         // target, value, target, value, ..., body
  block,        // body; name; detail: 1 for a scoped one
  autoescape,   // condition, body
  leave, next,  // break, continue
  foreign,      // include, import, extends: name
};

enum class Operator : uint8_t {
  add, subtract, multiply, divide, floor_divide, remainder, power,
  equal, unequal, less, less_equal, greater, greater_equal, in, not_in,
};

enum MacroTakes : uint8_t { kTakesMore = 1, kTakesNamed = 2, kTakesCaller = 4 };

inline constexpr uint8_t kUnknown = 255;  // a filter or test that is none

struct Node {
  Op op = Op::body;
  uint8_t detail = 0;
  uint16_t height = 1;  // of the tree below, itself counted
  uint32_t line = 0;
  uint32_t name = 0;
  uint32_t first = 0;  // into Tree::children
  uint32_t count = 0;
};

struct Tree {
  Tree() : heap(limits::kTemplateMemoryBytesMax) {}

  std::string source;
  std::string title;  // for messages
  std::vector<Node> nodes;
  std::vector<uint32_t> children;
  std::vector<Value> constants;
  std::vector<std::string_view> names;  // each once; a variable is known by its place here
  std::vector<uint32_t> blocks;
  uint32_t root = kNoNode;
  Heap heap;  // of the constants

  uint32_t child(const Node& node, uint32_t place) const { return children[node.first + place]; }
  // A failure at a line of the template.
  [[gnu::format(printf, 4, 0)]] Status error_at(uint32_t line, Code code, const char* format, va_list arguments) const {
    char what[Status::kMessageBytes];
    std::vsnprintf(what, sizeof(what), format, arguments);
    return Status::error(code, "%s: line %u: %s", title.c_str(), line, what);
  }
};

}  // namespace mica::jinja
