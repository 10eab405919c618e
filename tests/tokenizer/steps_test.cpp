// Every kind of step, added token and model option, alone in a small tokenizer, against the tokenizers library: the
// cases are written by make_reference.py.
#include <doctest/doctest.h>

#include "tokenizer_files.hpp"

using namespace mica;

namespace {

void check_case(const Tokenizer& tokenizer, JsonValue entry) {
  std::string_view text, decoded;
  bool parse_special = false;
  std::vector<uint32_t> ids;
  REQUIRE(get_string(entry, "text", &text).is_ok());
  REQUIRE(get_string(entry, "decoded", &decoded).is_ok());
  REQUIRE(get_bool(entry, "parse_special", &parse_special).is_ok());
  REQUIRE(get_u32_array(entry, "ids", 0, SIZE_MAX, 0, INT32_MAX, &ids).is_ok());
  const std::vector<int32_t> expected(ids.begin(), ids.end());
  CAPTURE(text);
  CAPTURE(parse_special);
  CHECK(encode(tokenizer, text, parse_special) == expected);
  CHECK(decode(tokenizer, expected) == decoded);
}

}  // namespace

TEST_CASE("every kind of step gives what the tokenizers library gives") {
  const std::vector<uint8_t> file = read_all(MICA_TESTS_DATA "/tokenizers/steps.json");
  Json json;
  const Status status = parse_json(file, "steps.json", &json);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  REQUIRE(json.root().size() > 100);
  for (JsonValue entry : json.root()) {
    std::string_view name, definition;
    REQUIRE(get_string(entry, "name", &name).is_ok());
    REQUIRE(get_string(entry, "tokenizer", &definition).is_ok());
    CAPTURE(name);
    const auto tokenizer = load_tokenizer(definition);
    for (JsonValue each : entry.find("cases")) check_case(*tokenizer, each);
  }
}
