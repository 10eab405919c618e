// Added tokens in three forms, see added_tokens.hpp.
#include "added_tokens.hpp"

#include <charconv>
#include <string>

#include "json.hpp"
#include "limits.hpp"

namespace mica {
namespace {

bool is_text(JsonValue value, std::string_view text) {
  std::string_view said;
  return value.as_string(&said) && said == text;
}

// In each: *out stays where the text is not there.
Status find_in_map(JsonValue root, const char* text, int32_t* out) {
  const JsonValue id = root.find(text);
  return id.is_set() ? get_i32(id, "", 0, limits::kVocabularyMax, out) : Status::ok();
}

Status find_in_decoder(JsonValue root, const char* text, int32_t* out) {
  for (JsonValue token : root.find("added_tokens_decoder")) {
    if (!is_text(token.find("content"), text)) continue;
    const std::string_view key = token.key();
    int32_t id = -1;
    const auto end = std::from_chars(key.data(), key.data() + key.size(), id);
    if (end.ec != std::errc() || end.ptr != key.data() + key.size() || id < 0 ||
        static_cast<uint32_t>(id) > limits::kVocabularyMax)
      return token.error(Code::corrupt_file, "must have an id as its key");
    *out = id;
  }
  return Status::ok();
}

Status find_in_list(JsonValue root, const char* text, int32_t* out) {
  for (JsonValue token : root.find("added_tokens"))
    if (is_text(token.find("content"), text)) MICA_TRY(get_i32(token, "id", 0, limits::kVocabularyMax, out));
  return Status::ok();
}

}  // namespace

Status find_added_token(const TokenDocuments& documents, const char* name, const char* text, int32_t* out) {
  const struct {
    Bytes document;
    const char* file;
    Status (*find)(JsonValue root, const char* text, int32_t* out);
  } places[] = {
      {documents.added_tokens, "added_tokens.json", find_in_map},
      {documents.tokenizer_config, "tokenizer_config.json", find_in_decoder},
      {documents.tokenizer, "tokenizer.json", find_in_list},
  };
  for (const auto& place : places) {
    if (place.document.empty()) continue;
    Json json;
    int32_t id = -1;
    MICA_TRY(parse_json(place.document, (std::string(name) + "/" + place.file).c_str(), &json));
    MICA_TRY(place.find(json.root(), text, &id));
    if (id < 0) continue;
    *out = id;
    return Status::ok();
  }
  return Status::error(Code::not_found,
                       "%s: neither config.json nor added_tokens.json, tokenizer_config.json or tokenizer.json says "
                       "the id of %s, which stands for pictures; put the published added_tokens.json beside it",
                       name, text);
}

}  // namespace mica
