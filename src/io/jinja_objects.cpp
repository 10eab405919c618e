// Values of one rendering: how they are made, bounded and gone through. See jinja_run.hpp.
#include <algorithm>
#include <cstdarg>

#include "jinja_number.hpp"
#include "jinja_run.hpp"
#include "jinja_tables.hpp"
#include "jinja_text.hpp"
#include "utf8.hpp"

namespace mica::jinja {

bool Run::fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (status_.is_ok()) status_ = tree_.error_at(line_, Code::unsupported, format, arguments);
  va_end(arguments);
  return false;
}

bool Run::fail_with(Code code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (status_.is_ok()) status_ = tree_.error_at(line_, code, format, arguments);
  va_end(arguments);
  return false;
}

bool Run::fail_memory() {
  return fail_with(Code::limit_exceeded, "its values take more than %zu MiB", limits::kTemplateMemoryBytesMax >> 20);
}

bool Run::charge(uint64_t steps) {
  if (steps <= steps_left_) {
    steps_left_ -= steps;
    return true;
  }
  steps_left_ = 0;
  return fail_with(Code::limit_exceeded, "more than %zu million steps",
                   static_cast<size_t>(limits::kTemplateStepsMax >> 20));
}

bool Run::room(size_t bytes) {
  return bytes <= limits::kPromptBytesMax ||
         fail_with(Code::limit_exceeded, "a text of more than %zu MiB", limits::kPromptBytesMax >> 20);
}

bool Run::text(std::string_view content, Value* out, bool marked) {
  if (!charge_text(content.size())) return false;
  const char* kept = content.empty() ? "" : heap.join(content, {});
  if (kept == nullptr) return fail_memory();
  *out = Value::string({kept, content.size()}, marked);
  return true;
}

bool Run::integer(Integer number, Value* out) { return integer_value(&heap, number, out) || fail_memory(); }

bool Run::sequence(Kind kind, const Value* items, size_t count, Value* out) {
  if (!charge(count / 8)) return false;
  *out = Value::sequence(kind, items, count);
  for (size_t i = 0; i < count; ++i) out->depth = std::max<uint16_t>(out->depth, items[i].depth);
  if (++out->depth <= limits::kTemplateNestingMax) return true;
  return fail_with(Code::limit_exceeded, "lists are nested deeper than the %u levels that mica follows",
                   limits::kTemplateNestingMax);
}

bool Run::copied_sequence(Kind kind, std::span<const Value> items, Value* out) {
  auto* copy = heap.make<Value>(items.size());
  if (copy == nullptr) return fail_memory();
  std::copy(items.begin(), items.end(), copy);
  return sequence(kind, copy, items.size(), out);
}

bool Run::stream(std::span<const Value> items, Value* out) {
  Value list;
  if (!copied_sequence(Kind::list, items, &list)) return false;
  auto* state = heap.make<Stream>();
  if (state == nullptr) return fail_memory();
  *state = {list.items_at, list.size};
  *out = Value::of(Kind::stream);
  out->stream = state;
  out->depth = list.depth;
  return true;
}

bool Run::mapping(std::span<const Entry> entries, Kind kind, Value* out) {
  auto* made = heap.make<Mapping>();
  if (made == nullptr) return fail_memory();
  *out = Value::of(kind);
  out->mapping = made;
  for (const Entry& entry : entries) {
    if (!can_be_key(entry.key)) return fail("%s cannot be the key of a mapping", describe(entry.key));
    if (!charge_text(entry.key.is_string() ? entry.key.size : 0)) return false;
    if (!set_entry(&heap, made, entry.key, entry.value)) return fail_memory();
    out->depth = std::max({out->depth, entry.value.depth, entry.key.depth});
  }
  // What a namespace holds changes: where it is printed, the depth is watched there.
  if (kind == Kind::name_space) out->depth = 0;
  else if (++out->depth > limits::kTemplateNestingMax) return fail("mappings are nested deeper than mica follows");
  return true;
}

bool Run::truth(const Value& value) const {
  switch (value.kind) {
    case Kind::undefined:
    case Kind::none: return false;
    case Kind::boolean: return value.truth;
    case Kind::integer: return value.integer != 0;
    case Kind::real: return value.real != 0;
    case Kind::string:
    case Kind::list:
    case Kind::tuple: return value.size != 0;
    case Kind::mapping:
    case Kind::keys:
    case Kind::values:
    case Kind::items: return value.mapping->count != 0;
    case Kind::range: return value.range->count != 0;
    default: return true;
  }
}

bool Run::has_length(const Value& value) const {
  return value.is_string() || value.is_sequence() || value.is(Kind::mapping) || value.is_view() ||
         value.is(Kind::range) || value.is(Kind::undefined) || value.is(Kind::loop);
}

bool Run::length(const Value& value, int64_t* out) {
  switch (value.kind) {
    case Kind::undefined: *out = 0; return true;
    case Kind::string: *out = static_cast<int64_t>(count_characters(value.view())); return charge_text(value.size);
    case Kind::list:
    case Kind::tuple: *out = value.size; return true;
    case Kind::mapping:
    case Kind::keys:
    case Kind::values:
    case Kind::items: *out = value.mapping->count; return true;
    case Kind::range: *out = value.range->count; return true;
    default: return fail("%s has no length", describe(value));
  }
}

namespace {

// Letters of a text as strings that are views of it.
Value* letters_of(const Value& value, Value* items) {
  const std::string_view text = value.view();
  for (size_t at = 0; at < text.size(); ++items) {
    const size_t begin = at;
    utf8_next(text, &at);
    *items = Value::string(text.substr(begin, at - begin));
  }
  return items;
}

}  // namespace

bool Run::iterate(const Value& value, std::span<const Value>* out) {
  *out = {};
  if (value.is_sequence()) {
    *out = {value.items_at, value.size};
    return charge(value.size / 8);
  }
  if (value.is(Kind::stream)) {
    *out = {value.stream->items + value.stream->next, value.stream->count - value.stream->next};
    value.stream->next = value.stream->count;
    return true;
  }
  int64_t count = 0;
  if (!has_length(value) || value.is(Kind::loop)) return fail("%s cannot be gone through", describe(value));
  if (!length(value, &count) || !charge(static_cast<uint64_t>(count) / 8)) return false;
  auto* items = heap.make<Value>(static_cast<size_t>(count));
  if (items == nullptr) return fail_memory();
  *out = {items, static_cast<size_t>(count)};
  if (value.is_string()) {
    letters_of(value, items);
  } else if (value.is(Kind::range)) {
    for (int64_t i = 0; i < count; ++i) items[i] = Value::integer_of(value.range->start + i * value.range->step);
  } else {
    for (int64_t i = 0; i < count; ++i) {
      const Entry& entry = value.mapping->entries[i];
      items[i] = value.is(Kind::values) ? entry.value : entry.key;
      if (value.is(Kind::items)) {
        const Value pair[2] = {entry.key, entry.value};
        if (!copied_sequence(Kind::tuple, pair, &items[i])) return false;
      }
    }
  }
  return true;
}

const char* Run::describe(const Value& value) {
  switch (value.kind) {
    case Kind::undefined:
      described_ = value.marked ? "what is not safe to reach, " : "what is undefined, ";
      described_ += value.view().substr(0, utf8_invalid_at(value.view().substr(0, 60)));
      return described_.c_str();
    case Kind::none: return "none";
    case Kind::boolean: return value.truth ? "true" : "false";
    case Kind::integer:
    case Kind::wide: return "an integer";
    case Kind::real: return "a number";
    case Kind::string: return "a text";
    case Kind::list: return "a list";
    case Kind::tuple: return "a tuple";
    case Kind::mapping: return "a mapping";
    case Kind::name_space: return "a namespace";
    case Kind::range: return "a range";
    case Kind::keys:
    case Kind::values:
    case Kind::items: return "a view of a mapping";
    case Kind::stream: return "a stream of items";
    case Kind::method: return "a method";
    case Kind::macro: return "a macro";
    case Kind::loop: return "a loop";
    default: return "a function";
  }
}

}  // namespace mica::jinja
