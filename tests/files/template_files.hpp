// Folders of chat templates with renderings of the reference. Shared by tests of what is rendered and of what is
// refused.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "chat_templates.hpp"
#include "json.hpp"
#include "test_folder.hpp"

namespace mica {

inline const std::string kTemplates = MICA_TESTS_DATA "/templates/";

inline Json read_json_file(const std::string& path) {
  Json json;
  const std::vector<uint8_t> bytes = read_all(path);
  const Status status = parse_json(bytes, path.c_str(), &json);
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  return json;
}

inline std::string text_at(JsonValue object, std::string_view key) {
  std::string_view text;
  object.find(key).as_string(&text);
  return std::string(text);
}

// Renders `source` with "messages" and further variables of a JSON object.
inline Status render(std::string_view source, std::string_view variables, std::string* out) {
  std::unique_ptr<Template> made;
  Json json;
  MICA_TRY(Template::read(source, "test.jinja", &made));
  REQUIRE(parse_json(bytes_of(variables), "variables", &json));
  std::vector<Template::Variable> given;
  for (JsonValue value : json.root()) given.push_back({value.key(), value, value.key() == "messages"});
  std::tm day{};
  day.tm_year = 124;
  day.tm_mday = 1;
  return made->render(given, day, out);
}

}  // namespace mica
