// What tokenizer_config.json says of the tokens around and in a text, beside tokenizer.json, which counts. Not the chat
// template that the same file may have (chat_template.hpp).
#pragma once

#include "model_files.hpp"
#include "status.hpp"
#include "tokenizer.hpp"

namespace mica {

// As transformers 5 reads the two: tokenizer.json says which tokens stand around a text and which strings are tokens. A
// warning by name where tokenizer_config.json says otherwise, as transformers 4 heeded for some classes, or asks for
// what mica does not do. GGUF files have one source only. Errors: those of read_json_document; corrupt_file for a field
// of another kind.
Status check_tokenizer_config(const ModelFiles& files, const Tokenizer& tokenizer);

}  // namespace mica
