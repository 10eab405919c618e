// JsonBuild: a JSON document put together from its parts, as text all along. Not a reader (json.hpp), and not a tree:
// that of nlohmann-json allocates in its destructor, which ends the process where memory has run out.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace mica {

class JsonBuild {
 public:
  JsonBuild() : JsonBuild(nullptr) {}
  JsonBuild(std::nullptr_t) : text_("null") {}
  JsonBuild(bool value) : text_(value ? "true" : "false") {}
  template <std::integral Integer>
  JsonBuild(Integer value) : text_(std::to_string(value)) {}
  // As short as it can be and still the same number; null for what is none.
  JsonBuild(double value);
  JsonBuild(float value) : JsonBuild(static_cast<double>(value)) {}
  // What is no UTF-8 is replaced: names come from files.
  JsonBuild(std::string_view text);
  JsonBuild(const char* text) : JsonBuild(std::string_view(text)) {}
  JsonBuild(const std::string& text) : JsonBuild(std::string_view(text)) {}
  // An object.
  JsonBuild(std::initializer_list<std::pair<std::string_view, JsonBuild>> members);

  static JsonBuild object() { return JsonBuild('{', '}'); }
  static JsonBuild array(std::initializer_list<JsonBuild> values = {});

  bool is_null() const { return text_ == "null"; }
  std::string dump() const;

  void push_back(const JsonBuild& value);
  // object["key"] = value appends a member; what was null becomes an object.
  struct Member {
    JsonBuild* object;
    std::string_view key;
    void operator=(const JsonBuild& value) { object->add(key, value); }
  };
  Member operator[](std::string_view key) { return {this, key}; }

 private:
  JsonBuild(char open, char close) : text_(1, open), close_(close) {}
  void add(std::string_view key, const JsonBuild& value);
  void separate();

  std::string text_;  // without the bracket that closes it
  char close_ = '\0';
};

}  // namespace mica
