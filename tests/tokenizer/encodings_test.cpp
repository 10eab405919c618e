// Every reference encoding and decoding of the published tokenizers; and what must hold for any of them.
#include <doctest/doctest.h>

#include <algorithm>

#include "tokenizer_files.hpp"

using namespace mica;

TEST_CASE("every encoding and decoding equals that of the tokenizers library") {
  for (const char* name : kTokenizerNames) {
    CAPTURE(name);
    const auto tokenizer = load_published(name);
    const std::vector<Encoding> encodings = reference_encodings(name);
    REQUIRE(encodings.size() > 100);
    for (const Encoding& expected : encodings) {
      CAPTURE(expected.text);
      CHECK(encode(*tokenizer, expected.text) == expected.ids);
      CHECK(decode(*tokenizer, expected.ids) == expected.decoded);
    }
  }
}

TEST_CASE("a stream of tokens prints what decoding gives") {
  for (const char* name : kTokenizerNames) {
    CAPTURE(name);
    const auto tokenizer = load_published(name);
    for (const Encoding& expected : reference_encodings(name)) {
      CAPTURE(expected.text);
      // In the middle of a text, that is: without the prefix of the first word, and without control tokens.
      const std::vector<int32_t> ids = encode(*tokenizer, expected.text, false, TextBefore::text);
      CHECK(stream(*tokenizer, ids) == expected.decoded);
    }
  }
}

TEST_CASE("text of a user never becomes a control token") {
  for (const char* name : kTokenizerNames) {
    CAPTURE(name);
    const auto tokenizer = load_published(name);
    const auto special = [&](int32_t id) { return tokenizer->is_special(id); };
    for (int32_t id = 0; id < static_cast<int32_t>(tokenizer->size()); ++id) {
      if (!tokenizer->is_special(id)) continue;
      const std::string content = decode(*tokenizer, {id});
      for (const std::string& text : {content, " " + content, content + content, "a" + content + "b", content + "\n"}) {
        const std::vector<int32_t> plain = encode(*tokenizer, text, false);
        CHECK(std::none_of(plain.begin(), plain.end(), special));
        const std::vector<int32_t> parsed = encode(*tokenizer, text, true);
        CHECK(std::any_of(parsed.begin(), parsed.end(), special));
      }
    }
  }
}

TEST_CASE("ids and contents belong to each other") {
  const auto qwen2 = load_published("qwen2");
  CHECK(qwen2->size() == 151936);
  CHECK(qwen2->id_of("<|im_start|>") == 151644);
  CHECK(qwen2->id_of("!") == 0);
  CHECK(qwen2->id_of("\xC4\xA0the") == 279);  // an ordinary token, as the vocabulary writes it
  CHECK(qwen2->id_of("no such token") == -1);
  CHECK(qwen2->id_of("") == -1);
  CHECK(qwen2->is_special(151644));
  CHECK_FALSE(qwen2->is_special(279));
  CHECK_FALSE(qwen2->is_special(-1));
  CHECK_FALSE(qwen2->is_special(151936));
  CHECK(qwen2->token_bytes(279) == " the");
  CHECK(qwen2->token_bytes(151644).empty());
  CHECK(qwen2->token_bytes(-1).empty());
  CHECK(qwen2->token_bytes(INT32_MAX).empty());
  const auto phi3 = load_published("phi3");
  CHECK(phi3->token_bytes(phi3->id_of("\xE2\x96\x81the")) == " the");
  CHECK(phi3->token_bytes(phi3->id_of("<0xF0>")) == "\xF0");
}

TEST_CASE("decoding leaves out control tokens when asked") {
  const auto tokenizer = load_published("smollm2");
  const std::vector<int32_t> ids = encode(*tokenizer, "<|im_start|>user\nhi<|im_end|>");
  CHECK(decode(*tokenizer, ids, false) == "<|im_start|>user\nhi<|im_end|>");
  CHECK(decode(*tokenizer, ids, true) == "user\nhi");
}

TEST_CASE("what stands before a text decides about its prefix") {
  const auto phi3 = load_published("phi3");
  const int32_t with_space = phi3->id_of("\xE2\x96\x81hi"), bare = phi3->id_of("hi");
  CHECK(encode(*phi3, "hi", true, TextBefore::nothing).front() == with_space);
  CHECK(encode(*phi3, "hi", true, TextBefore::control_token).front() == with_space);
  CHECK(encode(*phi3, "hi", true, TextBefore::text).front() == bare);
  // A text cut at a control token encodes as it does in one piece.
  const std::vector<int32_t> whole = encode(*phi3, "<|user|>hi there<|end|>");
  std::vector<int32_t> pieces = {phi3->id_of("<|user|>")};
  REQUIRE(phi3->encode("hi there", false, TextBefore::control_token, &pieces).is_ok());
  pieces.push_back(phi3->id_of("<|end|>"));
  CHECK(pieces == whole);
}

TEST_CASE("a Qwen2 file without its normalizer still composes characters") {
  const auto tokenizer = load_published("qwen2");
  CHECK(encode(*tokenizer, "e\xCC\x81") == encode(*tokenizer, "\xC3\xA9"));
}
