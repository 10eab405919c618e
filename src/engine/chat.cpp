// Chat: the joining of template and plain text into tokens. Not a template language: formats are tables in models/.
#include "chat.hpp"

#include <algorithm>
#include <cstring>

#include "chat_template.hpp"
#include "foreign_model.hpp"
#include "log.hpp"
#include "utf8.hpp"

namespace mica {
namespace {

bool has_controls(const ChatFormat& format, const Tokenizer& tokenizer) {
  return std::all_of(format.controls.begin(), format.controls.end(),
                     [&](const char* control) { return tokenizer.id_of(control) >= 0; });
}

std::string format_names() {
  std::string names;
  for (const ChatFormat* format : kChatFormats) names += (names.empty() ? "" : ", ") + std::string(format->name);
  return names;
}

Status format_named(const char* name, const Tokenizer& tokenizer, const ChatFormat** out) {
  for (const ChatFormat* format : kChatFormats) {
    if (std::strcmp(format->name, name) != 0) continue;
    for (const char* control : format->controls) {
      if (tokenizer.id_of(control) >= 0) continue;
      return Status::error(Code::unsupported, "the chat format %s needs the token %s, which the tokenizer has not",
                           name, control);
    }
    *out = format;
    return Status::ok();
  }
  return Status::error(Code::invalid_argument, "there is no chat format \"%s\"; there are %s", name,
                       format_names().c_str());
}

}  // namespace

void warn_plain_text(const ModelFiles& files, const Chat& chat) {
  const std::string names = format_names();
  if (chat.template_bytes == 0) {
    log_message(LogLevel::warning,
                "%s has no chat template, as models have that were not trained to converse: text goes to the model as "
                "it is. --chat-format writes turns: %s",
                files.path(), names.c_str());
    return;
  }
  log_message(LogLevel::warning,
              "%s has a chat template that mica cannot run (%s): text goes to the model as it is, without turns. If "
              "its turns are those of one of these, --chat-format writes them: %s",
              files.path(), chat.template_fault.message(), names.c_str());
}

Status choose_chat(const Tokenizer& tokenizer, const ModelFiles& files, const ChatFormat* own, const char* wanted,
                   Chat* out) {
  ChatTemplate found;
  MICA_TRY(read_chat_template(files, &found));
  const KnownTemplate* known = find_known_template(found);
  Chat chat;
  chat.template_bytes = found.text.size();
  chat.template_digest = found.digest;
  chat.template_digest_bytes = found.digest_bytes;
  if (known != nullptr) chat.template_of = known->models;
  if (wanted != nullptr && *wanted != '\0') {
    MICA_TRY(format_named(wanted, tokenizer, &chat.format));
  } else if (own != nullptr && has_controls(*own, tokenizer)) {
    chat.format = own;
  } else if (known != nullptr && has_controls(*known->format, tokenizer)) {
    chat.format = known->format;
  } else {
    *out = chat;
    return Status::ok();
  }
  chat.has_default_system = chat.format->default_system != nullptr || !found.default_system.empty();
  chat.default_system = chat.format->default_system != nullptr ? chat.format->default_system : found.default_system;
  *out = std::move(chat);
  return Status::ok();
}

Status no_chat(const Chat& chat) {
  return Status::error(Code::unsupported,
                       "this model has %s, so there are no turns to write; choose a chat format (--chat-format: %s), "
                       "or give it plain text",
                       chat.template_bytes == 0 ? "no chat template" : "a chat template that mica cannot run",
                       format_names().c_str());
}

Status no_tokenizer(const ModelFiles* files) {
  if (files != nullptr && files->kind() == ModelFiles::Kind::huggingface) return missing_tokenizer(files->path());
  return Status::error(Code::unsupported, "this model has no tokenizer, so it reads token ids only");
}

std::string_view trimmed(std::string_view text, bool at_start, bool at_end) {
  size_t begin = 0, end = text.size();
  for (size_t next = begin; at_start && begin < end; begin = next)
    if (!is_white_space(utf8_next(text, &next))) break;
  while (at_end && end > begin) {
    const size_t start = utf8_start_before(text, end);
    size_t next = start;
    if (!is_white_space(utf8_next(text, &next))) break;
    end = start;
  }
  return text.substr(begin, end - begin);
}

Status TurnWriter::template_text(std::string_view text) {
  while (!text.empty()) {
    std::string_view found;
    const size_t first = first_control(text, controls_, &found);
    held_ += text.substr(0, first);
    if (found.empty()) return Status::ok();
    MICA_TRY(token(tokenizer_.id_of(found)));
    text.remove_prefix(first + found.size());
  }
  return Status::ok();
}

Status TurnWriter::plain_text(std::string_view text) {
  MICA_TRY(check_utf8(text));
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
