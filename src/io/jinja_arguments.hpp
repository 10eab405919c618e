// What filters, tests and methods read of their arguments. Not how arguments find their places (Run::bind).
#pragma once

#include <algorithm>
#include <string_view>

#include "jinja_run.hpp"

namespace mica::jinja {

inline bool is_given(const Value& argument) { return !argument.is(Kind::absent) && !argument.is(Kind::none); }

// An integer, cut to 64 bits; `otherwise` when it is not given.
inline bool integer_argument(Run& run, const Value& argument, int64_t otherwise, int64_t* out) {
  *out = otherwise;
  if (!is_given(argument)) return true;
  if (!argument.is_whole()) return run.fail("an integer is needed here, not %s", run.describe(argument));
  *out = static_cast<int64_t>(std::clamp<Integer>(argument.whole(), INT64_MIN, INT64_MAX));
  return true;
}

inline bool text_argument(Run& run, const Value& argument, std::string_view otherwise, std::string_view* out) {
  *out = otherwise;
  if (argument.is(Kind::absent)) return true;
  if (!argument.is_string()) return run.fail("a text is needed here, not %s", run.describe(argument));
  *out = argument.view();
  return true;
}

// The same where none stands for nothing.
inline bool optional_text(Run& run, const Value& argument, std::string_view* out) {
  return text_argument(run, argument.is(Kind::none) ? Value::absent() : argument, {}, out);
}

inline bool truth_argument(Run& run, const Value& argument, bool otherwise) {
  return argument.is(Kind::absent) ? otherwise : run.truth(argument);
}

// Texts put together from many pieces: replace, indent and others (jinja_text_filters.cpp).
bool replace(Run& run, std::string_view text, std::string_view from, std::string_view to, int64_t count, Value* out);
// Filled up to `width` characters, `before` of 1,000 of the filling in front (as str.center does with `center`).
enum class Side : uint8_t { left, right, center };
bool fill(Run& run, std::string_view text, int64_t width, std::string_view with, Side text_stands, Value* out);
bool split_lines(Run& run, std::string_view text, bool keep_ends, Value* out);
bool join(Run& run, std::string_view separator, std::span<const Value> items, bool texts_alone, Value* out);

}  // namespace mica::jinja
