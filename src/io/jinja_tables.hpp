// What the template language has by name: filters, tests, functions, methods. Tables alone; what stands behind a row is
// in the files of its subject.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "jinja_run.hpp"

namespace mica::jinja {

// Signatures name the arguments in order, separated by blanks: "a" must be given, "a?" may be. Behind "/" they have no
// names. "*" alone: the function takes arguments as they come.
struct Filter {
  std::string_view name;
  std::string_view signature;
  bool (*apply)(Run& run, const Value& subject, const Value* arguments, Value* out);
  bool (*apply_any)(Run& run, const Value& subject, const Arguments& arguments, Value* out) = nullptr;
};

struct Test {
  std::string_view name;
  std::string_view signature;
  bool (*apply)(Run& run, const Value& subject, const Value* arguments, bool* out);
};

struct Function {
  std::string_view name;
  std::string_view signature;
  bool (*apply)(Run& run, const Value* arguments, Value* out);
  bool (*apply_any)(Run& run, const Arguments& arguments, Value* out) = nullptr;
};

struct Method {
  std::string_view name;
  std::string_view signature;
  bool (*apply)(Run& run, const Value& self, const Value* arguments, Value* out);
  bool (*apply_any)(Run& run, const Value& self, const Arguments& arguments, Value* out) = nullptr;
};

inline constexpr size_t kArgumentsMax = 8;  // of a signature

std::span<const Filter> filters();
std::span<const Test> tests();
std::span<const Function> functions();
// Their places in the tables, kUnknown when there is none.
uint8_t find_filter(std::string_view name);
uint8_t find_test(std::string_view name);

std::span<const Filter> text_filters();
std::span<const Filter> item_filters();
std::span<const Filter> value_filters();

std::span<const Method> string_methods();
// Of the kind of `object`; null when it has none of this name.
const Method* find_method(const Value& object, std::string_view name);
// Methods of Python's lists and mappings that change them, which a template must not.
bool changes(const Value& object, std::string_view name);

// Formats: str.format and the operator %.
bool format_braces(Run& run, std::string_view format, const Arguments& arguments, Value* out);
bool format_percent(Run& run, std::string_view format, const Value& arguments, Value* out);

}  // namespace mica::jinja
