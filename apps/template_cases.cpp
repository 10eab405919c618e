// Comparing chat templates with renderings, see template_cases.hpp.
#include "template_cases.hpp"

#include <string_view>

#include "files.hpp"
#include "json_files.hpp"

namespace app {
namespace {

// The elements of a JSON array as they are written: a document read and written again may have other numbers. The text
// is
// known to be valid.
std::vector<std::string_view> elements_of(std::string_view text) {
  std::vector<std::string_view> elements;
  size_t begin = 0;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') i++;
      in_string = c != '"';
      continue;
    }
    if (c == '"') in_string = true;
    const bool opens = c == '[' || c == '{', closes = c == ']' || c == '}';
    if (opens && depth++ == 0) begin = i + 1;
    if (closes) depth--;
    if (depth > 1 || (depth == 1 && c != ',') || (depth == 0 && !closes)) continue;
    elements.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return elements;
}

TemplateCase compare_one(const ChatTemplate& chat_template, const nlohmann::json& expected, std::string_view written) {
  TemplateCase one;
  const auto fill = [&](std::string& text, size_t* bytes, mica_error* error) {
    return mica_chat_template_render(chat_template.get(), written.data(), written.size(), text.data(), text.size(),
                                     bytes,
                                     error);
  };
  mica_status status = MICA_OK;
  try {
    one.is = fill_to_size<std::string>(4096, fill);
  } catch (const Failure& failure) {
    one.failed = true;
    one.is = failure.what();
    status = failure.status();
  }
  one.should_fail = !expected.contains("text");
  one.should = expected.value(one.should_fail ? "error" : "text", "");
  if (!one.should_fail) {
    one.equal = !one.failed && one.is == one.should;
  } else {
    const bool raises = expected.value("error_kind", "") == "raise";
    one.equal = one.failed && (!raises || (status == MICA_INVALID_ARGUMENT &&
                                           one.is.find(one.should) != std::string::npos));
  }
  return one;
}

}  // namespace

std::vector<TemplateCase> compare_templates(const std::string& folder) {
  const ChatTemplate chat_template = open_handle<ChatTemplate>(mica_chat_template_open, folder.c_str());
  const std::string path = folder + "/renderings.json", text = read_file(path);
  const nlohmann::json expected = parse_json(text, path);
  if (!expected.is_array()) throw Failure(path + ": must be a list of renderings", MICA_CORRUPT_FILE);
  const std::vector<std::string_view> written = elements_of(text);
  std::vector<TemplateCase> cases;
  for (size_t i = 0; i < expected.size(); i++) {
    if (!expected[i].is_object()) throw Failure(path + ": case " + std::to_string(i) + " is no object",
                                                MICA_CORRUPT_FILE);
    cases.push_back(compare_one(chat_template, expected[i], written.at(i)));
    cases.back().place = i;
  }
  return cases;
}

}  // namespace app
