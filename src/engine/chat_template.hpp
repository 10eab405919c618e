// Chat template: the text by which a checkpoint says how its conversations are written, and which of the published ones
// it is. Those are written by tables of models/; others are run (templated_chat.hpp), which is not done here.
#pragma once

#include <cstdint>
#include <string>

#include "family.hpp"
#include "model_files.hpp"
#include "status.hpp"

namespace mica {

struct ChatTemplate {
  std::string text;  // empty: the checkpoint brings none
  // The default system turn, where the text shows one between <|im_start|>system and <|im_end|>; empty: none.
  std::string default_system;
  // CRC32C of the text with line ends as \n, none at its end, and a zero byte for the default system turn; and how many
  // bytes it is of.
  uint32_t digest = 0;
  size_t digest_bytes = 0;
};

// From chat_template.jinja, chat_template.json, tokenizer_config.json or a GGUF file's keys, in this order; of several
// named ones, "default". Errors: corrupt_file for a document that is no JSON object, or whose template is no text.
Status read_chat_template(const ModelFiles& files, ChatTemplate* out);

// Null when it is none of the published ones in kKnownTemplates.
const KnownTemplate* find_known_template(const ChatTemplate& chat_template);

}  // namespace mica
