// Vocabularies as a GGUF file carries them, made here from the published tokenizer.json files: the same ids come out.
#include <doctest/doctest.h>

#include <unordered_map>

#include "tokenizer_files.hpp"
#include "tokenizer_gguf.hpp"

using namespace mica;

namespace {

// Owns what a GgufVocabulary looks at.
struct Source {
  explicit Source(const char* name) {
    const std::vector<uint8_t> file = tokenizer_json(name);
    const Status status = parse_json(file, name, &json);
    REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
    const JsonValue model = json.root().find("model");
    for (JsonValue token : model.find("vocab")) set(token, token.key(), 1);
    for (JsonValue token : json.root().find("added_tokens")) {
      bool special = false;
      std::string_view content;
      REQUIRE(token.find("special").as_bool(&special));
      REQUIRE(token.find("content").as_string(&content));
      set(token.find("id"), content, special ? 3 : 4);
    }
    for (JsonValue merge : model.find("merges")) {
      std::string_view left, right;
      REQUIRE(merge.at(0).as_string(&left));
      REQUIRE(merge.at(1).as_string(&right));
      merge_texts.push_back(std::string(left).append(" ").append(right));
    }
    merges.assign(merge_texts.begin(), merge_texts.end());
  }

  GgufVocabulary vocabulary(std::string_view model, std::string_view pre) const {
    GgufVocabulary out;
    out.model = model;
    out.pre = pre;
    out.tokens = tokens;
    out.types = types;
    out.merges = merges;
    return out;
  }

  // SentencePiece's scores fall in the order in which the merges were learned; what no merge gives comes last.
  std::vector<float> scores() const {
    std::unordered_map<std::string, size_t> first_merge;
    for (size_t i = 0; i < merge_texts.size(); ++i) {
      std::string merged = merge_texts[i];
      merged.erase(merged.find(' '), 1);
      first_merge.emplace(std::move(merged), i);
    }
    std::vector<float> out;
    for (std::string_view token : tokens) {
      const auto merge = first_merge.find(std::string(token));
      out.push_back(merge == first_merge.end() ? -1e6f : -static_cast<float>(merge->second));
    }
    return out;
  }

  Json json;
  std::vector<std::string> merge_texts;
  std::vector<std::string_view> tokens, merges;
  std::vector<int32_t> types;

 private:
  void set(JsonValue id, std::string_view content, int32_t type) {
    uint64_t index = 0;
    REQUIRE(id.as_u64(&index));
    if (index >= tokens.size()) {
      tokens.resize(index + 1);
      types.resize(index + 1, 1);
    }
    tokens[index] = content;
    types[index] = type;
  }
};

std::unique_ptr<Tokenizer> load(const GgufVocabulary& vocabulary) {
  std::unique_ptr<Tokenizer> tokenizer;
  const Status status = Tokenizer::load(vocabulary, "test.gguf", &tokenizer);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  return tokenizer;
}

// The tokenizer of a packed file: by way of the tokenizer.json that is written for it.
std::unique_ptr<Tokenizer> load_written(const GgufVocabulary& vocabulary) {
  std::string json;
  const Status status = make_tokenizer_json(vocabulary, "test.gguf", &json);
  REQUIRE_MESSAGE(status.is_ok(), std::string(status.message()));
  return load_tokenizer(json);
}

void check_encodings(const Tokenizer& tokenizer, const char* name) {
  for (const Encoding& expected : reference_encodings(name)) {
    CAPTURE(expected.text);
    CHECK(encode(tokenizer, expected.text) == expected.ids);
    CHECK(decode(tokenizer, expected.ids) == expected.decoded);
  }
}

// Two tokenizers are one: sizes, tokens, and everything that is made of the reference texts and of parts of them.
void check_equal(const Tokenizer& a, const Tokenizer& b, const char* name) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if (a.token_bytes(id) != b.token_bytes(id) || a.is_special(id) != b.is_special(id)) FAIL_CHECK("token ", id);
  }
  for (const Encoding& expected : reference_encodings(name)) {
    CAPTURE(expected.text);
    for (TextBefore before : {TextBefore::nothing, TextBefore::control_token, TextBefore::text}) {
      for (bool special : {false, true}) {
        CHECK(encode(a, expected.text, special, before) == encode(b, expected.text, special, before));
      }
    }
    CHECK(decode(a, expected.ids) == decode(b, expected.ids));
  }
}

}  // namespace

TEST_CASE("a gpt2 vocabulary encodes as the tokenizer.json that it came from") {
  const Source smollm2("smollm2");
  check_encodings(*load(smollm2.vocabulary("gpt2", "gpt-2")), "smollm2");
  const Source qwen2("qwen2");
  check_encodings(*load(qwen2.vocabulary("gpt2", "qwen2")), "qwen2");
}

TEST_CASE("the pre-tokenizer smollm cuts digits off what stands before them") {
  const Source source("smollm2");
  const auto tokenizer = load(source.vocabulary("gpt2", "smollm"));
  const int32_t two_spaces = tokenizer->id_of("\xC4\xA0\xC4\xA0");
  CHECK(encode(*tokenizer, "  42") == std::vector<int32_t>{two_spaces, tokenizer->id_of("4"), tokenizer->id_of("2")});
  CHECK(encode(*tokenizer, "The quick brown fox") == encode(*load_published("smollm2"), "The quick brown fox"));
}

TEST_CASE("the pre-tokenizer qwen35 keeps marks with the letters before them") {
  const Source source("qwen2");
  const char* const marked = "\u0928\u092e\u0938\u094d\u0924\u0947";
  const auto old = load(source.vocabulary("gpt2", "qwen2")), now = load(source.vocabulary("gpt2", "qwen35"));
  CHECK(encode(*old, "plain words, 42 of them") == encode(*now, "plain words, 42 of them"));
  CHECK(decode(*now, encode(*now, marked)) == marked);
}

TEST_CASE("a llama vocabulary with scores encodes as the merges that they stand for") {
  const Source source("phi3");
  const std::vector<float> scores = source.scores();
  GgufVocabulary vocabulary = source.vocabulary("llama", "default");
  vocabulary.scores = scores;
  vocabulary.merges = {};
  vocabulary.unknown = 0;
  const auto tokenizer = load(vocabulary);
  check_encodings(*tokenizer, "phi3");
  CHECK(tokenizer->is_special(1));
  vocabulary.add_space_prefix = false;
  const auto without_prefix = load(vocabulary);
  CHECK(encode(*without_prefix, "hi") == encode(*tokenizer, "hi", true, TextBefore::text));
  CHECK(decode(*without_prefix, encode(*without_prefix, " hi")) == " hi");
}

TEST_CASE("a gemma4 vocabulary, SentencePiece's words by listed merges, encodes as the tokenizer.json that it came from") {
  const Source source("phi3");
  GgufVocabulary vocabulary = source.vocabulary("gemma4", "default");
  vocabulary.unknown = 0;
  check_encodings(*load(vocabulary), "phi3");
  for (bool prefix : {true, false}) {
    vocabulary.add_space_prefix = prefix;
    check_equal(*load(vocabulary), *load_written(vocabulary), "phi3");
  }
}

TEST_CASE("tokens of equal score merge from left to right") {
  const std::string_view tokens[] = {"<unk>", "a", "b", "ab", "ba", "aba"};
  const float scores[] = {0, -9, -9, -1, -1, -5};
  const int32_t types[] = {2, 1, 1, 1, 1, 1};
  GgufVocabulary vocabulary;
  vocabulary.model = "llama";
  vocabulary.tokens = tokens;
  vocabulary.scores = scores;
  vocabulary.types = types;
  vocabulary.unknown = 0;
  vocabulary.add_space_prefix = false;
  const auto tokenizer = load(vocabulary);
  CHECK(encode(*tokenizer, "abba") == std::vector<int32_t>{3, 4});
  CHECK(encode(*tokenizer, "babab") == std::vector<int32_t>{4, 4, 2});
  CHECK(encode(*tokenizer, "bab") == std::vector<int32_t>{4, 2});
  CHECK(encode(*tokenizer, "axxa") == std::vector<int32_t>{1, 0, 1});
}

TEST_CASE("the tokenizer.json that is written of a gpt2 vocabulary is the same tokenizer") {
  const std::pair<const char*, const char*> cases[] = {{"smollm2", "smollm"},
                                                       {"smollm2", "default"},
                                                       {"smollm2", "llama-bpe"},
                                                       {"qwen2", "qwen2"},
                                                       {"qwen2", "qwen35"},
                                                       {"qwen2", "gpt-4o"},
                                                       {"qwen2", "glm4"},
                                                       {"qwen2", "deepseek-r1-qwen"}};
  for (const auto& example : cases) {
    const char* const name = example.first;
    const char* const pre = example.second;
    CAPTURE(pre);
    const Source source(name);
    const GgufVocabulary vocabulary = source.vocabulary("gpt2", pre);
    check_equal(*load(vocabulary), *load_written(vocabulary), name);
  }
}

TEST_CASE("the tokenizer.json that is written of a llama vocabulary is the same tokenizer") {
  const Source source("phi3");
  const std::vector<float> scores = source.scores();
  GgufVocabulary vocabulary = source.vocabulary("llama", "default");
  vocabulary.scores = scores;
  vocabulary.merges = {};
  vocabulary.unknown = 0;
  for (bool prefix : {true, false}) {
    vocabulary.add_space_prefix = prefix;
    check_equal(*load(vocabulary), *load_written(vocabulary), "phi3");
  }
  vocabulary.unknown = -1;
  check_equal(*load(vocabulary), *load_written(vocabulary), "phi3");
}

TEST_CASE("ranks that merges share are kept in what is written") {
  // A token of several cuts, tokens of one score, a hole, and an unknown token that stands for what is none of them.
  const std::string_view tokens[] = {"<unk>", "a", "b", "ab", "ba", "aba", "", "aa", "aaa"};
  const float scores[] = {0, -9, -9, -1, -1, -5, 0, -3, -2};
  const int32_t types[] = {2, 1, 1, 1, 1, 1, 1, 5, 1};
  GgufVocabulary vocabulary;
  vocabulary.model = "llama";
  vocabulary.tokens = tokens;
  vocabulary.scores = scores;
  vocabulary.types = types;
  vocabulary.unknown = 0;
  vocabulary.add_space_prefix = false;
  const auto given = load(vocabulary), written = load_written(vocabulary);
  // Every text of up to nine letters.
  for (unsigned length = 1; length < 10; ++length) {
    for (unsigned code = 0; code < 1u << length; ++code) {
      std::string text;
      for (unsigned i = 0; i < length; ++i) text += code >> i & 1 ? 'b' : 'a';
      if (encode(*given, text) != encode(*written, text)) FAIL_CHECK(text);
    }
  }
  CHECK(encode(*written, "abba") == std::vector<int32_t>{3, 4});
}

TEST_CASE("runs of merges that do not add up are refused") {
  const auto load_runs = [](const char* runs) {
    const std::string json =
        std::string(
            R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "ba": 3}, "merges": ["a b", "b a"],)") +
        R"( "mica_merge_runs": )" + runs + "}}";
    std::unique_ptr<Tokenizer> tokenizer;
    return Tokenizer::load(bytes_of(json), "test.json", &tokenizer);
  };
  CHECK(load_runs("[2]").is_ok());
  CHECK(load_runs("[1, 1]").is_ok());
  for (const char* runs : {"[1]", "[3]", "[1, 2]", "[2, 1]", "[1, 1, 1]", "[0, 2]", "[-1]", "\"2\"", "{}", "[2.5]"}) {
    CAPTURE(runs);
    const Status status = load_runs(runs);
    CHECK(status.code() == Code::corrupt_file);
    CHECK(said(status).find("mica_merge_runs") != std::string::npos);
  }
}
