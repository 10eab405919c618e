// The tokenizers that tests load, with the reference encodings that the tokenizers library gave for them.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"
#include "test_folder.hpp"
#include "tokenizer.hpp"

namespace mica {

constexpr const char* kTokenizerNames[] = {"qwen2", "phi3", "smollm2"};

// The unpacked tokenizer.json; MICA_TOKENIZERS is the build folder that it is unpacked to.
inline std::vector<uint8_t> tokenizer_json(std::string_view name) {
  const std::string path = std::string(MICA_TOKENIZERS "/").append(name).append("_tokenizer.json");
  std::vector<uint8_t> json = read_all(path);
  REQUIRE_MESSAGE(!json.empty(), path, " is missing");
  return json;
}

inline std::unique_ptr<Tokenizer> load_tokenizer(Bytes json, const char* name) {
  std::unique_ptr<Tokenizer> tokenizer;
  const Status status = Tokenizer::load(json, name, &tokenizer);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  return tokenizer;
}
inline std::unique_ptr<Tokenizer> load_tokenizer(std::string_view json) {
  return load_tokenizer(bytes_of(json), "test.json");
}
inline std::unique_ptr<Tokenizer> load_published(const char* name) {
  return load_tokenizer(tokenizer_json(name), name);
}

struct Encoding {
  std::string text, decoded;
  std::vector<int32_t> ids;
};

inline std::vector<Encoding> reference_encodings(std::string_view name) {
  const std::string path = std::string(MICA_TESTS_DATA "/tokenizers/").append(name).append("/encodings.json");
  const std::vector<uint8_t> bytes = read_all(path);
  Json json;
  const Status status = parse_json(bytes, path.c_str(), &json);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  std::vector<Encoding> encodings;
  for (JsonValue entry : json.root()) {
    std::string_view text, decoded;
    std::vector<uint32_t> ids;
    REQUIRE(get_string(entry, "text", &text).is_ok());
    REQUIRE(get_string(entry, "decoded", &decoded).is_ok());
    REQUIRE(get_u32_array(entry, "ids", 0, SIZE_MAX, 0, INT32_MAX, &ids).is_ok());
    encodings.push_back({std::string(text), std::string(decoded), {ids.begin(), ids.end()}});
  }
  return encodings;
}

inline std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text, bool parse_special = true,
                                   TextBefore before = TextBefore::nothing) {
  std::vector<int32_t> ids;
  const Status status = tokenizer.encode(text, parse_special, before, &ids);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  return ids;
}

inline std::string decode(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool skip_special = false) {
  std::string text;
  const Status status = tokenizer.decode(ids, skip_special, &text);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  return text;
}

// What a stream prints for `ids`.
inline std::string stream(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  CharacterStream characters;
  std::string text;
  std::vector<char> out;
  for (int32_t id : ids) {
    const std::string_view bytes = tokenizer.token_bytes(id);
    out.resize(CharacterStream::bytes_max(bytes.size()));
    text.append(out.data(), characters.push(bytes, out.data()));
  }
  out.resize(3);
  return text.append(out.data(), characters.finish(out.data()));
}

}  // namespace mica
