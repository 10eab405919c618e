// A chat template: read once, rendered for every conversation. The language is Jinja as the sandbox of transformers runs
// it (trim_blocks, lstrip_blocks, loop controls, {% generation %}); sources: the documentation of Jinja 3.1 and of
// Python's str and json, and renderings of the reference. Not where a model keeps its template, nor which conversation
// is rendered.
#pragma once

#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "json.hpp"
#include "status.hpp"

namespace mica {

namespace jinja {
struct Tree;
}

class Template {
 public:
  // A variable of the template. What is absent stays undefined.
  struct Variable {
    std::string_view name;
    JsonValue value;
    // These are messages: keys whose value is null are left out of each, and the three names of a thought ("thinking",
    // "reasoning", "reasoning_content") are brought together, as transformers does before rendering.
    bool are_messages = false;
  };

  // `source`: at most kChatTemplateBytesMax of UTF-8. `title` is for messages. Errors: corrupt_file and limit_exceeded,
  // with the title, the line and what stands there. On failure *out is unchanged.
  static Status read(std::string_view source, const char* title, std::unique_ptr<Template>* out);
  ~Template();
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;

  // Appends the rendering. Bounds: kTemplateStepsMax, kTemplateDepthMax, kTemplateMemoryBytesMax, kPromptBytesMax.
  // Errors, with the title and the line: invalid_argument where the template itself raises an exception; limit_exceeded;
  // unsupported for what cannot be computed. On failure *out is as before. `now`: for strftime_now. Safe to call from
  // several threads.
  Status render(std::span<const Variable> variables, const std::tm& now, std::string* out) const;

 private:
  Template();
  std::unique_ptr<jinja::Tree> tree_;
};

}  // namespace mica
