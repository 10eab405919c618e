// The tokens that a tokenizer's file puts around a text, against the tokenizers library (make_reference.py), and those
// of GGUF vocabularies.
#include <doctest/doctest.h>

#include "tokenizer_files.hpp"
#include "tokenizer_gguf.hpp"

using namespace mica;

namespace {

std::vector<int32_t> ids_of(JsonValue entry, const char* key) {
  std::vector<uint32_t> ids;
  REQUIRE(get_u32_array(entry, key, 0, SIZE_MAX, 0, INT32_MAX, &ids).is_ok());
  return {ids.begin(), ids.end()};
}

std::vector<int32_t> whole(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids = tokenizer.around_text().before;
  REQUIRE(tokenizer.encode(text, true, TextBefore::nothing, &ids).is_ok());
  const std::vector<int32_t>& after = tokenizer.around_text().after;
  ids.insert(ids.end(), after.begin(), after.end());
  return ids;
}

// A tokenizer of three tokens with this post_processor.
Status load_with(const std::string& processor, std::unique_ptr<Tokenizer>* out) {
  const std::string json = R"({"added_tokens": [{"id": 1, "content": "<s>", "special": true}],
      "model": {"type": "BPE", "vocab": {"a": 0, "<s>": 1, "b": 2}, "merges": []},
      "post_processor": )" + processor + "}";
  return Tokenizer::load(bytes_of(json), "test.json", out);
}

GgufVocabulary vocabulary_of(std::span<const std::string_view> tokens) {
  GgufVocabulary out;
  out.model = "gpt2";
  out.pre = "gpt-2";
  out.tokens = tokens;
  return out;
}

}  // namespace

TEST_CASE("every kind of post-processor puts around a text what the tokenizers library does") {
  const std::vector<uint8_t> file = read_all(MICA_TESTS_DATA "/tokenizers/text_tokens.json");
  Json json;
  const Status status = parse_json(file, "text_tokens.json", &json);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  REQUIRE(json.root().size() > 10);
  for (JsonValue entry : json.root()) {
    std::string_view name, definition;
    REQUIRE(get_string(entry, "name", &name).is_ok());
    REQUIRE(get_string(entry, "tokenizer", &definition).is_ok());
    CAPTURE(name);
    const auto tokenizer = load_tokenizer(definition);
    for (JsonValue each : entry.find("cases")) {
      std::string_view text;
      REQUIRE(get_string(each, "text", &text).is_ok());
      CHECK(whole(*tokenizer, text) == ids_of(each, "ids"));
      CHECK(encode(*tokenizer, text) == ids_of(each, "ids_plain"));
    }
  }
}

TEST_CASE("the published tokenizers: <s> before a text for Phi-3, nothing for Qwen2 and SmolLM2") {
  CHECK(whole(*load_published("phi3"), "Hello") == std::vector<int32_t>{1, 15043});
  for (const char* name : {"qwen2", "smollm2"}) {
    const auto tokenizer = load_published(name);
    CHECK(whole(*tokenizer, "Hello") == encode(*tokenizer, "Hello"));
  }
}

TEST_CASE("a post-processor that cannot be is refused with its place") {
  const std::string a = R"({"Sequence": {"id": "A", "type_id": 0}})", s = R"({"SpecialToken": {"id": "<s>"}})";
  const auto single = [](const std::string& pieces) {
    return R"({"type": "TemplateProcessing", "special_tokens": {"<s>": {"ids": [1]}, "x": {"ids": [9]}}, "single": [)" +
           pieces + "]}";
  };
  std::string many = a;
  for (int i = 0; i < 16; ++i) many += "," + s;
  const struct {
    std::string processor;
    Code code;
    const char* words;
  } cases[] = {
      {R"({"type": "Mystery"})", Code::unsupported, "post_processor"},
      {R"({"type": "TemplateProcessing"})", Code::not_found, "post_processor.single is missing"},
      {single(s), Code::unsupported, "post_processor.single leaves the text out"},
      {single(a + "," + a), Code::unsupported, "must be the text A, once"},
      {single(R"({"Sequence": {"id": "B"}})"), Code::unsupported, "must be the text A, once"},
      {single(a + R"(,{"SpecialToken": {"id": "y"}})"), Code::corrupt_file, "is not among special_tokens"},
      {single(a + R"(,{"SpecialToken": {"id": "x"}})"), Code::corrupt_file, "is no token of the vocabulary"},
      {single(many), Code::corrupt_file, "post_processor.single must be an array"},
      {R"({"type": "Sequence", "processors": [)" + single(s + "," + a) + "," + single(a + "," + s) + "]}",
       Code::unsupported, "post_processor.processors[1] is the second that adds tokens"},
      {R"({"type": "BertProcessing", "sep": ["</s>", 7], "cls": ["<s>", 1]})", Code::corrupt_file, "is no token"},
      {R"({"type": "BertProcessing", "cls": ["<s>"]})", Code::corrupt_file, "post_processor.cls must be an array"},
  };
  for (const auto& expected : cases) {
    std::unique_ptr<Tokenizer> tokenizer;
    const Status status = load_with(expected.processor, &tokenizer);
    CHECK_MESSAGE(status.code() == expected.code, said(status));
    CHECK_MESSAGE(said(status).find(expected.words) != std::string::npos, said(status));
  }
}

TEST_CASE("a GGUF vocabulary says by its flags what stands around a text, and so does what is written of it") {
  const std::string_view tokens[] = {"a", "<s>", "</s>", "", "b"};
  GgufVocabulary vocabulary = vocabulary_of(tokens);
  const struct {
    bool add_bos, add_eos;
    int32_t bos, eos;
    std::vector<int32_t> before, after;
  } cases[] = {
      {true, false, 1, 2, {1}, {}}, {false, true, 1, 2, {}, {2}}, {true, true, 1, 2, {1}, {2}},
      {true, true, 1, 1, {1}, {1}}, {false, false, 1, 2, {}, {}}, {true, true, -1, -1, {}, {}},
      {true, false, 3, 2, {}, {}},  // a hole
  };
  for (const auto& expected : cases) {
    vocabulary.add_bos = expected.add_bos;
    vocabulary.add_eos = expected.add_eos;
    vocabulary.bos = expected.bos;
    vocabulary.eos = expected.eos;
    std::unique_ptr<Tokenizer> own;
    std::string json;
    REQUIRE(Tokenizer::load(vocabulary, "test.gguf", &own));
    REQUIRE(make_tokenizer_json(vocabulary, "test.gguf", &json));
    const auto written = load_tokenizer(json);
    for (const Tokenizer* tokenizer : {own.get(), written.get()}) {
      CHECK(tokenizer->around_text().before == expected.before);
      CHECK(tokenizer->around_text().after == expected.after);
    }
  }
}
