// JsonBuild: values as JSON writes them (RFC 8259). Not laid out for people.
#include "json_build.hpp"

#include <charconv>
#include <cmath>

#include "json_text.hpp"
#include "utf8.hpp"

namespace mica {

JsonBuild::JsonBuild(double value) {
  if (!std::isfinite(value)) {
    text_ = "null";
    return;
  }
  char digits[32];
  text_.assign(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  // A number without a point would be read as an integer.
  if (text_.find_first_of(".e") == std::string::npos) text_ += ".0";
}

JsonBuild::JsonBuild(std::string_view text) {
  std::string valid;
  utf8_append_lossy(text, &valid);
  append_json_string(valid, &text_);
}

JsonBuild::JsonBuild(std::initializer_list<std::pair<std::string_view, JsonBuild>> members) : JsonBuild('{', '}') {
  for (const auto& [key, value] : members) add(key, value);
}

JsonBuild JsonBuild::array(std::initializer_list<JsonBuild> values) {
  JsonBuild out('[', ']');
  for (const JsonBuild& value : values) out.push_back(value);
  return out;
}

std::string JsonBuild::dump() const { return close_ == '\0' ? text_ : text_ + close_; }

void JsonBuild::separate() {
  if (text_.size() > 1) text_ += ',';
}

void JsonBuild::push_back(const JsonBuild& value) {
  separate();
  text_ += value.dump();
}

void JsonBuild::add(std::string_view key, const JsonBuild& value) {
  if (is_null()) *this = object();
  separate();
  append_json_string(key, &text_);
  text_ += ':';
  text_ += value.dump();
}

}  // namespace mica
