// Added tokens: the id of a token by its text, where config.json does not say it. Not the tokenizer, which a checkpoint
// may lack.
#pragma once

#include <cstdint>

#include "span.hpp"
#include "status.hpp"

namespace mica {

// The texts of a checkpoint that name added tokens; empty where it has no such file.
struct TokenDocuments {
  Bytes added_tokens;      // added_tokens.json: {"<img>": 92544}
  Bytes tokenizer_config;  // tokenizer_config.json: {"added_tokens_decoder": {"92544": {"content": "<img>"}}}
  Bytes tokenizer;         // tokenizer.json: {"added_tokens": [{"id": 92544, "content": "<img>"}]}
};

// The first of them that has the text. `name` is the checkpoint's, for messages. Errors: not_found where none has it;
// corrupt_file for what is no JSON and for an id that is none.
Status find_added_token(const TokenDocuments& documents, const char* name, const char* text, int32_t* out);

}  // namespace mica
