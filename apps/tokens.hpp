// Text to token ids and back in containers of the right size.
// The algorithm is the library's; only the asking for sizes is here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mica.h"

namespace app {

// Throws Failure.
std::vector<int32_t> tokenize(const mica_tokenizer* tokenizer, const std::string& text, int flags);
std::string detokenize(const mica_tokenizer* tokenizer, const std::vector<int32_t>& ids, bool skip_special);
// What the token writes within a text, maybe a part of a character; nothing of a control token.
std::string token_bytes(const mica_tokenizer* tokenizer, int32_t id);

// In bytes of text: of its tokens the longest. (A token that stands for all that is unknown, or takes white space along, has no
// bound; no text that people send is mostly of such.)
size_t longest_token(const mica_tokenizer* tokenizer);

}  // namespace app
