// Chat: from turns of a conversation to token ids, in a family's chat format. What the format looks like is data of the
// family; when a turn is computed is the session's business.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "family.hpp"
#include "model_files.hpp"
#include "status.hpp"
#include "tokenizer.hpp"

namespace mica {

class TemplatedChat;

struct Chat {
  const ChatFormat* format = nullptr;  // null: mica writes no turns itself
  // Of a conversation without a system turn.
  bool has_default_system = false;
  std::string default_system;
  // The checkpoint's own template: 0 bytes when it has none, null when it is none of the published ones.
  size_t template_bytes = 0;
  const char* template_of = nullptr;
  uint32_t template_digest = 0;  // and the bytes that it is of (chat_template.hpp)
  size_t template_digest_bytes = 0;
  // The template that is run, where the checkpoint's is none of the published ones, or another was given.
  std::shared_ptr<const TemplatedChat> templated;

  Status template_fault;  // why it cannot be run

  bool writes_turns() const { return format != nullptr || templated != nullptr; }
};

// The format that config.json names (`own`, or null), or that the checkpoint's chat template writes, if it is a
// published one; both if the vocabulary has its control tokens; else none. `wanted`, if neither null nor empty, names another.
// Errors: unsupported and invalid_argument for `wanted`; those of read_chat_template.
Status choose_chat(const Tokenizer& tokenizer, const ModelFiles& files, const ChatFormat* own, const char* wanted,
                   Chat* out);

// A warning to the log that this model, for which no format was chosen, gets text as it is, and why.
void warn_plain_text(const ModelFiles& files, const Chat& chat);

// Why no turn can be written; why there is no tokenizer (`files` may be null). For models that lack them.
Status no_chat(const Chat& chat);
Status no_tokenizer(const ModelFiles* files);

// `text`, which is UTF-8, without the white space at its ends.
std::string_view trimmed(std::string_view text, bool at_start, bool at_end);

// Where the first of `controls` stands in `text`, and which: at the same place the longer one is meant. text.size() and
// an empty one where none does.
template <class Controls>
size_t first_control(std::string_view text, const Controls& controls, std::string_view* found) {
  size_t first = text.size();
  *found = {};
  for (const std::string_view control : controls) {
    const size_t at = text.find(control);
    if (at < first || (at == first && at != text.size() && control.size() > found->size())) {
      first = at;
      *found = control;
    }
  }
  return first;
}

// Builds a token sequence out of template text, in which control tokens are tokens, and plain text, in which they are
// not. Adjacent text is tokenized as one, as it would be in the whole conversation.
class TurnWriter {
 public:
  // `before`: what the sequence follows.
  TurnWriter(const Tokenizer& tokenizer, std::span<const char* const> controls, TextBefore before,
             std::vector<int32_t>* ids)
      : tokenizer_(tokenizer), controls_(controls), before_(before), ids_(ids) {}

  Status template_text(std::string_view text);
  // Errors: invalid_argument for what is not UTF-8, with the place in `text`.
  Status plain_text(std::string_view text);
  Status token(int32_t id);
  // Something that is not text was put between: what follows does not join what went before.
  void follow_control() { before_ = TextBefore::control_token; }
  // Tokenizes what is held back; after it, the ids are complete.
  Status flush();

 private:
  const Tokenizer& tokenizer_;
  std::span<const char* const> controls_;
  TextBefore before_;
  std::vector<int32_t>* ids_;
  std::string held_;
};

}  // namespace mica
