// Templates and the values that they are given, see jinja_template.hpp.
#include "jinja_template.hpp"

#include <algorithm>
#include <vector>

#include "jinja_lexer.hpp"
#include "jinja_number.hpp"
#include "jinja_parser.hpp"
#include "jinja_run.hpp"
#include "limits.hpp"

namespace mica {
namespace jinja {
namespace {

// Texts are views of the document.
bool value_of(Run& run, JsonValue json, Value* out) {
  std::string_view text;
  bool truth = false;
  double real = 0;
  switch (json.kind()) {
    case JsonValue::Kind::absent: *out = Value::undefined(json.key()); return true;
    case JsonValue::Kind::null: *out = Value::none(); return true;
    case JsonValue::Kind::boolean: json.as_bool(&truth); *out = Value::boolean(truth); return true;
    case JsonValue::Kind::string: json.as_string(&text); *out = Value::string(text); return true;
    case JsonValue::Kind::number: {
      Integer whole = 0;
      const std::string digits = json.integer_text();
      if (digits.empty()) {
        json.as_double(&real);
        *out = Value::real_of(real);
        return true;
      }
      const bool is_negative = digits[0] == '-';
      if (!read_integer(std::string_view(digits).substr(is_negative), 10, &whole)) {
        return run.fail("a number of more than 38 digits");
      }
      return run.integer(is_negative ? -whole : whole, out);
    }
    case JsonValue::Kind::array: {
      std::vector<Value> items;
      for (JsonValue child : json)
        if (!value_of(run, child, &items.emplace_back())) return false;
      return run.copied_sequence(Kind::list, items, out);
    }
    case JsonValue::Kind::object: {
      std::vector<Entry> entries;
      for (JsonValue child : json) {
        Entry& entry = entries.emplace_back();
        entry.key = Value::string(child.key());
        if (!value_of(run, child, &entry.value)) return false;
      }
      return run.mapping(entries, Kind::mapping, out);
    }
  }
  return false;
}

// One message as transformers hands it on.
bool message_of(Run& run, JsonValue json, Value* out) {
  if (!json.is_object()) return value_of(run, json, out);
  Value whole;
  if (!value_of(run, json, &whole)) return false;
  const Value* thought = nullptr;
  for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
    const Value* found = whole.mapping->find(name);
    if (thought == nullptr && found != nullptr && !found->is(Kind::none)) thought = found;
  }
  std::vector<Entry> entries;
  bool has_thinking = false;
  if (thought != nullptr) {
    const Value* own = whole.mapping->find("thinking");
    has_thinking = own != nullptr && !own->is(Kind::none);
    if (!has_thinking) entries.push_back({Value::string("thinking"), *thought});
  }
  for (uint32_t i = 0; i < whole.mapping->count; ++i) {
    const Entry& entry = whole.mapping->entries[i];
    if (!entry.value.is(Kind::none)) entries.push_back(entry);
  }
  if (thought != nullptr) entries.push_back({Value::string("reasoning_content"), *thought});
  return run.mapping(entries, Kind::mapping, out);
}

bool messages_of(Run& run, JsonValue json, Value* out) {
  if (!json.is_array()) return value_of(run, json, out);
  std::vector<Value> messages;
  for (JsonValue child : json)
    if (!message_of(run, child, &messages.emplace_back())) return false;
  return run.copied_sequence(Kind::list, messages, out);
}

}  // namespace
}  // namespace jinja

Template::Template() : tree_(std::make_unique<jinja::Tree>()) {}
Template::~Template() = default;

Status Template::read(std::string_view source, const char* title, std::unique_ptr<Template>* out) {
  if (source.size() > limits::kChatTemplateBytesMax) {
    return Status::error(Code::limit_exceeded, "%s: %zu bytes of template, more than the %zu that mica reads", title,
                         source.size(), limits::kChatTemplateBytesMax);
  }
  std::unique_ptr<Template> made(new Template);
  made->tree_->source = jinja::normal_source(source);
  made->tree_->title = title;
  MICA_TRY(jinja::parse_template(made->tree_.get()));
  *out = std::move(made);
  return Status::ok();
}

Status Template::render(std::span<const Variable> variables, const std::tm& now, std::string* out) const {
  jinja::Run run(*tree_, now);
  for (const Variable& variable : variables) {
    jinja::Value value;
    if (variable.value.is_absent()) continue;
    const auto convert = variable.are_messages ? jinja::messages_of : jinja::value_of;
    if (!convert(run, variable.value, &value)) return run.status();
    run.set_global(variable.name, value);
  }
  std::string rendered;
  if (!run.render(&rendered)) return run.status();
  *out += rendered;
  return Status::ok();
}

}  // namespace mica
