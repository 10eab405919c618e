// The chat templates of one model or folder: where they stand, which is in force, and the variables that they are
// given. Not the language (jinja_template.hpp), and not what becomes of the text.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jinja_template.hpp"
#include "json.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

// A chat template as it stands in a file.
struct TemplateSource {
  std::string name;  // "default" where it has none
  std::string text;
};
// Those of the first of chat_template.jinja, chat_template.json and tokenizer_config.json that has any, as transformers
// takes them, and which file that is; none where no file has. `documents` gives a document's text by its name, empty when
// there is none; `folder` stands before its name in messages. Errors: those of JSON, corrupt_file for a template that is
// no text.
Status read_template_sources(const std::function<Bytes(const char* name)>& documents, const std::string& folder,
                             std::string* place, std::vector<TemplateSource>* out);

class ChatTemplates {
 public:
  // The text of a document by its name, empty when there is none; borrowed during a call only.
  using Documents = std::function<Bytes(const char* name)>;

  // Those of read_template_sources; special tokens from tokenizer_config.json. A template that cannot be read fails when
  // it is used.
  // Errors: not_found where there is no template, corrupt_file for one that is no text; those of JSON.
  static Status read(const Documents& documents, std::unique_ptr<ChatTemplates>* out);
  // The same for the files of a folder, with those in additional_chat_templates/.
  static Status read_folder(const char* folder, std::unique_ptr<ChatTemplates>* out);
  // One template, such as that of a GGUF file, in place of others. `title` is for messages.
  static Status of_source(std::string_view source, const char* title, const Documents& documents,
                          std::unique_ptr<ChatTemplates>* out);

  // Appends the rendering of `conversation`, an object:
  //   "messages", "tools" (or null), "add_generation_prompt": as templates see them;
  //   "kwargs": further variables, which hide special tokens of the same name; "documents" may be among them;
  //   "template": the name of one of several; without it "tool_use" where there are tools, or "default";
  //   "date": "2024-07-26", the day of strftime_now (today).
  // Errors: those of Template::render, not_found for a name.
  Status render(JsonValue conversation, std::string* out) const;

  // The file that the template is from: "chat_template.jinja", "tokenizer_config.json".
  const std::string& place() const { return place_; }
  // The source of the template that a plain conversation is written by.
  const std::string& source() const { return named_[default_].source; }
  // Whether that one can be read.
  const Status& status() const { return named_[default_].status; }

 private:
  struct Named {
    std::string name, source;
    std::unique_ptr<Template> parsed;
    Status status;  // why it is not parsed
  };

  ChatTemplates() = default;
  void add(std::string_view name, std::string_view source);
  Status read_tokens(const Documents& documents);
  Status finish();
  const Named* find(std::string_view name) const;
  Status choose(JsonValue conversation, const Template** out) const;

  std::vector<Named> named_;
  size_t default_ = 0;
  std::string place_;
  struct Token {
    std::string name;
    JsonValue value;
  };
  Json config_, map_, nothing_;
  std::vector<Token> tokens_;  // special tokens by the names of their variables
};

}  // namespace mica
