// Text to token ids and back, see tokens.hpp.
#include "tokens.hpp"

#include "handles.hpp"

namespace app {
namespace {

// Calls `fill(container, &size, &error)`, and once more with room for the size it asked for.
template <typename Container, typename Fill>
Container fill_to_size(size_t guess, Fill fill) {
  Container container(guess, {});
  mica_error error{};
  size_t size = 0;
  mica_status status = fill(container, &size, &error);
  if (status == MICA_LIMIT_EXCEEDED && size > container.size()) {
    container.resize(size);
    status = fill(container, &size, &error);
  }
  require(status, error);
  container.resize(size);
  return container;
}

}  // namespace

std::vector<int32_t> tokenize(const mica_tokenizer* tokenizer, const std::string& text, bool parse_special) {
  const auto fill = [&](std::vector<int32_t>& ids, size_t* count, mica_error* error) {
    return mica_tokenize(tokenizer, text.data(), text.size(), parse_special ? 1 : 0, ids.data(), ids.size(), count,
                         error);
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

}  // namespace app
