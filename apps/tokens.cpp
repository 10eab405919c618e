// Text to token ids and back, see tokens.hpp.
#include "tokens.hpp"

#include <algorithm>

#include "handles.hpp"
#include "mica_tokens.h"

namespace app {
std::vector<int32_t> tokenize(const mica_tokenizer* tokenizer, const std::string& text, int flags) {
  const auto fill = [&](std::vector<int32_t>& ids, size_t* count, mica_error* error) {
    return mica_tokenize(tokenizer, text.data(), text.size(), flags, ids.data(), ids.size(), count, error);
  };
  return fill_to_size<std::vector<int32_t>>(text.size() / 2 + 16, fill);
}

std::string detokenize(const mica_tokenizer* tokenizer, const std::vector<int32_t>& ids, bool skip_special) {
  const auto fill = [&](std::string& text, size_t* bytes, mica_error* error) {
    return mica_detokenize(tokenizer, ids.data(), ids.size(), skip_special ? 1 : 0, text.data(), text.size(), bytes,
                           error);
  };
  return fill_to_size<std::string>(ids.size() * 8 + 16, fill);
}

size_t longest_token(const mica_tokenizer* tokenizer) {
  size_t longest = 1;
  for (int32_t id = 0;; ++id) {
    mica_error error{};
    size_t bytes = 0;
    const mica_status status = mica_detokenize(tokenizer, &id, 1, 0, nullptr, 0, &bytes, &error);
    if (status != MICA_OK && bytes == 0) return longest;  // behind the last
    longest = std::max(longest, bytes + 1);               // many leave out the blank at the beginning of a text
  }
}

std::string token_bytes(const mica_tokenizer* tokenizer, int32_t id) {
  const auto fill = [&](std::string& bytes, size_t* count, mica_error* error) {
    return mica_token_bytes(tokenizer, id, bytes.data(), bytes.size(), count, error);
  };
  return fill_to_size<std::string>(32, fill);
}

}  // namespace app
