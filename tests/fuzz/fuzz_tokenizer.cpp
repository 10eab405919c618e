// Fuzz target: a tokenizer.json, then a zero byte, then a text that it encodes. Whatever both are, ids and text come
// out as promised or a status does.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer.hpp"
#include "utf8.hpp"

using namespace mica;

namespace {

// Of the text: a pattern that takes many steps at every byte may, on long texts.
constexpr size_t kTextBytesMax = 1024;

void require(bool promise) {
  if (!promise) __builtin_trap();
}

void stream(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  CharacterStream characters;
  std::string text;
  for (int32_t id : ids) {
    const std::string_view bytes = tokenizer.token_bytes(id);
    std::vector<char> out(CharacterStream::bytes_max(bytes.size()));
    text.append(out.data(), characters.push(bytes, out.data()));
  }
  require(utf8_invalid_at(text) == text.size());
}

void check(const Tokenizer& tokenizer, std::string_view text, bool parse_special, TextBefore before) {
  std::vector<int32_t> ids;
  const Status encoded = tokenizer.encode(text, parse_special, before, &ids);
  require(encoded.is_ok() || ids.empty());
  for (int32_t id : ids) require(id >= 0 && static_cast<size_t>(id) < tokenizer.size());
  std::string decoded;
  const Status status = tokenizer.decode(ids, !parse_special, &decoded);
  require(status.is_ok() ? utf8_invalid_at(decoded) == decoded.size() : decoded.empty());
  stream(tokenizer, ids);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  const std::string_view json = input.substr(0, zero);
  const std::string_view text = zero == std::string_view::npos ? "" : input.substr(zero + 1).substr(0, kTextBytesMax);
  std::unique_ptr<Tokenizer> tokenizer;
  if (!Tokenizer::load({data, json.size()}, "fuzz", &tokenizer)) return 0;
  check(*tokenizer, text, true, TextBefore::nothing);
  check(*tokenizer, text, false, TextBefore::control_token);
  check(*tokenizer, text, false, TextBefore::text);
  return 0;
}
