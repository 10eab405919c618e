// Chat: the joining of template and plain text into tokens. Not a template language: formats are tables in models/.
#include "chat.hpp"

#include "json.hpp"

namespace mica {
namespace {

// The checkpoint's own chat template as text, wherever this version of transformers put it.
std::string template_of(const ModelFiles& files) {
  const Bytes own = files.document("chat_template.jinja");
  if (!own.empty()) return std::string(own.begin(), own.end());
  for (const char* document : {"chat_template.json", "tokenizer_config.json"}) {
    Json json;
    const Bytes text = files.document(document);
    std::string_view found;
    if (text.empty() || !parse_json(text, document, &json)) continue;
    if (get_string(json.root(), "chat_template", &found)) return std::string(found);
  }
  return std::string(files.metadata("tokenizer.chat_template"));
}

}  // namespace

Chat choose_chat(const Family& family, const Tokenizer& tokenizer, const ModelFiles& files) {
  Chat chat;
  for (const ChatFormat* format : family.chats) {
    bool complete = true;
    for (const char* control : format->controls) complete = complete && tokenizer.id_of(control) >= 0;
    if (!complete) continue;
    chat.format = format;
    if (format->default_system) {
      const std::string text = template_of(files);
      chat.default_system = text.empty() || text.find(format->default_system) != std::string::npos;
    }
    break;
  }
  return chat;
}

Status TurnWriter::template_text(std::string_view text) {
  while (!text.empty()) {
    size_t first = std::string_view::npos;
    std::string_view found;
    for (const std::string_view control : controls_) {
      const size_t at = text.find(control);
      // At the same place the longer control token is meant.
      if (at < first || (at == first && at != std::string_view::npos && control.size() > found.size())) {
        first = at;
        found = control;
      }
    }
    held_ += text.substr(0, first);
    if (found.empty()) return Status::ok();
    MICA_TRY(token(tokenizer_.id_of(found)));
    text.remove_prefix(first + found.size());
  }
  return Status::ok();
}

Status TurnWriter::plain_text(std::string_view text) {
  held_ += text;
  return Status::ok();
}

Status TurnWriter::token(int32_t id) {
  if (id < 0) return Status::error(Code::unsupported, "the tokenizer lacks a control token of the chat format");
  MICA_TRY(flush());
  ids_->push_back(id);
  before_ = TextBefore::control_token;
  return Status::ok();
}

Status TurnWriter::flush() {
  if (held_.empty()) return Status::ok();
  MICA_TRY(tokenizer_.encode(held_, false, before_, ids_));
  held_.clear();
  before_ = TextBefore::text;
  return Status::ok();
}

}  // namespace mica
