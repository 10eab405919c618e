// Chat: from turns of a conversation to token ids, in a family's chat format. What the format looks like is data of the
// family; when a turn is computed is the session's business.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "family.hpp"
#include "model_files.hpp"
#include "status.hpp"
#include "tokenizer.hpp"

namespace mica {

struct Chat {
  const ChatFormat* format = nullptr;
  bool default_system = false;  // whether the format's default system turn belongs to this checkpoint
};

// The first of the family's formats whose control tokens the vocabulary has.
Chat choose_chat(const Family& family, const Tokenizer& tokenizer, const ModelFiles& files);

// Builds a token sequence out of template text, in which control tokens are tokens, and plain text, in which they are
// not. Adjacent text is tokenized as one, as it would be in the whole conversation.
class TurnWriter {
 public:
  // `before`: what the sequence follows.
  TurnWriter(const Tokenizer& tokenizer, std::span<const char* const> controls, TextBefore before,
             std::vector<int32_t>* ids)
      : tokenizer_(tokenizer), controls_(controls), before_(before), ids_(ids) {}

  Status template_text(std::string_view text);
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
