// Bad tokenizer files and bad texts: each gets a status and a message that names what and where, within a bounded time.
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>

#include "limits.hpp"
#include "tokenizer_files.hpp"
#include "tokenizer_pattern.hpp"
#include "unicode_forms.hpp"

using namespace mica;

namespace {

// A tokenizer of a few tokens; `edit` below replaces parts of it.
constexpr std::string_view kSmall = R"({
  "version": "1.0", "added_tokens": [
    {"id": 5, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
     "special": true}],
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated", "invert": false},
  "decoder": {"type": "Fuse"},
  "model": {"type": "BPE", "unk_token": "?", "fuse_unk": false, "byte_fallback": false,
    "vocab": {"?": 0, "a": 1, "b": 2, "ab": 3, "x": 4}, "merges": ["a b"]}})";

std::string edited(std::string_view from, std::string_view to) {
  std::string json(kSmall);
  const size_t at = json.find(from);
  REQUIRE(at != std::string::npos);
  return json.replace(at, from.size(), to);
}

Status load(std::string_view json, std::unique_ptr<Tokenizer>* out = nullptr) {
  std::unique_ptr<Tokenizer> tokenizer;
  // At the exact size, so that a sanitizer sees a read beyond the end.
  const std::vector<uint8_t> copy(json.begin(), json.end());
  const Status status = Tokenizer::load(copy, "small.json", &tokenizer);
  CHECK(status.is_ok() == (tokenizer != nullptr));
  if (out != nullptr) *out = std::move(tokenizer);
  return status;
}

struct BadEdit {
  std::string_view from, to;
  Code code;
  std::string_view mentions;
};

void check_edits(std::span<const BadEdit> edits) {
  for (const BadEdit& bad : edits) {
    CAPTURE(bad.to);
    const Status status = load(edited(bad.from, bad.to));
    const std::string message = status.message();
    CAPTURE(message);
    CHECK(status.code() == bad.code);
    CHECK(message.find(bad.mentions) != std::string::npos);
    CHECK(message.find("small.json") == 0);
  }
}

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
// Far more than any of these takes with sanitizers on a slow board, far less than anything quadratic.
constexpr double kSecondsMax = 60;

std::string repeated(std::string_view unit, size_t bytes) {
  std::string text;
  while (text.size() + unit.size() <= bytes) text += unit;
  return text;
}

}  // namespace

TEST_CASE("the small file is good") { CHECK(load(kSmall).is_ok()); }

TEST_CASE("a file that ends early is refused wherever it ends") {
  for (size_t size = 0; size < kSmall.size(); ++size) {
    CAPTURE(size);
    const Status status = load(kSmall.substr(0, size));
    CHECK((status.code() == Code::corrupt_file || status.code() == Code::not_found));
  }
}

TEST_CASE("a file with any one bit flipped is read or refused") {
  size_t refused = 0;
  for (size_t at = 0; at < kSmall.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string json(kSmall);
      json[at] = static_cast<char>(json[at] ^ 1 << bit);
      std::unique_ptr<Tokenizer> tokenizer;
      if (!load(json, &tokenizer)) {
        ++refused;
        continue;
      }
      std::vector<int32_t> ids;
      REQUIRE(tokenizer->encode("abxx<s>?", true, TextBefore::nothing, &ids).is_ok());
      for (int32_t id : ids) CHECK(static_cast<size_t>(id) < tokenizer->size());
    }
  }
  CHECK(refused > kSmall.size());
}

TEST_CASE("ids and vocabularies that contradict themselves are refused by name") {
  const BadEdit edits[] = {
      {R"("b": 2)", R"("b": 1)", Code::corrupt_file, "two tokens have the id 1"},
      {R"("b": 2)", R"("b": -2)", Code::corrupt_file, "model.vocab.b must be a token id"},
      {R"("b": 2)", R"("b": 2.5)", Code::corrupt_file, "must be a token id"},
      {R"("b": 2)", R"("b": "2")", Code::corrupt_file, "must be a token id"},
      {R"("b": 2)", R"("b": 1048576)", Code::limit_exceeded, "token id 1048576"},
      {R"("b": 2)", R"("b": 18446744073709551615)", Code::limit_exceeded, "token id 18446744073709551615"},
      {R"("b": 2)", R"("b": 2, "a": 7)", Code::corrupt_file, "\"a\" has two ids, 1 and 7"},
      {R"("id": 5)", R"("id": 4)", Code::corrupt_file, "two tokens have the id 4"},
      {R"("id": 5)", R"("id": 1048576)", Code::corrupt_file, "added_tokens[0].id"},
      {R"("id": 5)", R"("id": -1)", Code::corrupt_file, "added_tokens[0].id"},
      {R"("content": "<s>")", R"("content": "ab")", Code::corrupt_file, "\"ab\" has two ids, 3 and 5"},
      {R"("content": "<s>")", R"("content": "")", Code::corrupt_file, "added_tokens[0].content must not be empty"},
      {R"("content": "<s>")", R"("content": 7)", Code::corrupt_file, "added_tokens[0].content must be a string"},
      {R"("unk_token": "?")", R"("unk_token": "no")", Code::corrupt_file, "model.unk_token is no token"},
      {R"("unk_token": "?")", R"("unk_token": 0)", Code::corrupt_file, "model.unk_token must be a string"},
      {R"({"?": 0, "a": 1, "b": 2, "ab": 3, "x": 4})", R"(["?", 0])", Code::corrupt_file,
       "model.vocab must be an object"},
      {R"("vocab")", R"("words")", Code::not_found, "model.vocab"},
      {R"("model")", R"("modul")", Code::not_found, "model"},
  };
  check_edits(edits);
  CHECK(load(R"({"model": {"vocab": {}, "merges": []}})").code() == Code::corrupt_file);
}

TEST_CASE("merges that name what is no token are refused by their place") {
  const BadEdit edits[] = {
      {R"("a b")", R"("a b", "c b")", Code::corrupt_file, "model.merges[1] has a left side that is no token"},
      {R"("a b")", R"("a c")", Code::corrupt_file, "model.merges[0] has a right side that is no token"},
      {R"("a b")", R"("b a")", Code::corrupt_file, "model.merges[0] gives what is no token"},
      {R"("a b")", R"("ab")", Code::corrupt_file, "model.merges[0] must have one space"},
      {R"("a b")", R"("a b ")", Code::corrupt_file, "model.merges[0] must have one space"},
      {R"("a b")", R"(["a"])", Code::corrupt_file, "model.merges[0] must be a string or two strings"},
      {R"("a b")", R"(["a", "b", "a"])", Code::corrupt_file, "must be a string or two strings"},
      {R"("a b")", R"(["a", 2])", Code::corrupt_file, "must be a string or two strings"},
      {R"("a b")", R"(17)", Code::corrupt_file, "must be a string or two strings"},
      {R"(["a b"])", R"("a b")", Code::corrupt_file, "model.merges must be an array"},
      {R"(["a b"])", R"(null)", Code::not_found, "model.merges"},
      // The added token is no token of the model, whatever its content.
      {R"("a b")", R"("<s> a")", Code::corrupt_file, "has a left side that is no token"},
  };
  check_edits(edits);
}

TEST_CASE("types that mica does not run are refused by name") {
  const BadEdit edits[] = {
      {R"({"type": "NFC"})", R"({"type": "Precompiled"})", Code::unsupported, "normalizer.type \"Precompiled\""},
      {R"({"type": "NFC"})", R"({"type": 3})", Code::corrupt_file, "normalizer.type must be a string"},
      {R"({"type": "NFC"})", R"([])", Code::not_found, "normalizer.type"},
      {R"({"type": "NFC"})", R"({"type": "Sequence", "normalizers": [{"type": "Nmt"}]})", Code::unsupported,
       "normalizer.normalizers[0].type \"Nmt\""},
      {R"({"type": "NFC"})", R"({"type": "Prepend"})", Code::not_found, "normalizer.prepend"},
      {R"("type": "Split")", R"("type": "UnicodeScripts")", Code::unsupported, "pre_tokenizer.type \"UnicodeScripts\""},
      {R"("behavior": "Isolated")", R"("behavior": "Sideways")", Code::unsupported, "pre_tokenizer.behavior"},
      {R"({"Regex": "x+"})", R"("x+")", Code::corrupt_file, "pre_tokenizer.pattern must be an object"},
      {R"({"Regex": "x+"})", R"({})", Code::not_found, "pre_tokenizer.pattern.Regex"},
      {R"({"Regex": "x+"})", R"({"String": ""})", Code::unsupported, "pre_tokenizer.pattern.String"},
      {R"({"type": "Fuse"})", R"({"type": "CTC"})", Code::unsupported, "decoder.type \"CTC\""},
      {R"({"type": "Fuse"})", R"({"type": "Strip", "content": "ab", "start": 1, "stop": 0})", Code::corrupt_file,
       "decoder.content must be one character"},
      {R"("type": "BPE")", R"("type": "Unigram")", Code::unsupported, "model.type \"Unigram\""},
      {R"("fuse_unk": false)", R"("dropout": 0.1)", Code::unsupported, "model.dropout"},
      {R"("fuse_unk": false)", R"("fuse_unk": "no")", Code::corrupt_file, "model.fuse_unk must be true or false"},
      {R"("fuse_unk": false)", R"("end_of_word_suffix": "</w>")", Code::unsupported, "model.end_of_word_suffix"},
      {R"("version": "1.0")", R"("version": "2.0")", Code::unsupported, "version must be 1.0"},
  };
  check_edits(edits);
}

TEST_CASE("patterns that are none, and those that are too long, are refused by their place") {
  const BadEdit edits[] = {
      {R"("x+")", R"("(")", Code::corrupt_file, "pre_tokenizer.pattern.Regex is no regular expression"},
      {R"("x+")", R"("")", Code::corrupt_file, "pre_tokenizer.pattern.Regex is empty"},
      {R"("x+")", R"("[[:alpha:]]")", Code::unsupported, "pre_tokenizer.pattern.Regex has a POSIX bracket at byte 1"},
  };
  check_edits(edits);
  const auto with_length = [](size_t bytes) { return edited("\"x+\"", "\"" + std::string(bytes, 'x') + "\""); };
  CHECK(load(with_length(limits::kPatternBytesMax)).is_ok());
  CHECK(load(with_length(limits::kPatternBytesMax + 1)).code() == Code::limit_exceeded);
  CHECK_FALSE(load(edited("\"x+\"", "\"" + repeated("(", 2000) + repeated(")", 2000) + "\"")).is_ok());
  CHECK_FALSE(load(edited("\"x+\"", "\"((x{999}){999}){999}\"")).is_ok());
}

TEST_CASE("depth and number of steps have limits") {
  const auto nested = [](size_t depth) {
    std::string steps = R"({"type": "NFC"})";
    for (size_t i = 0; i < depth; ++i) steps = R"({"type": "Sequence", "normalizers": [)" + steps + "]}";
    return edited(R"({"type": "NFC"})", steps);
  };
  CHECK(load(nested(30)).is_ok());
  CHECK(load(nested(40)).code() == Code::limit_exceeded);
  CHECK(load(nested(1000)).code() == Code::limit_exceeded);
  CHECK(load(repeated("[", 1 << 20)).code() == Code::limit_exceeded);
  const auto with_steps = [](size_t count) {
    std::string steps = R"({"type": "NFC"})";
    for (size_t i = 1; i < count; ++i) steps += R"(, {"type": "NFC"})";
    return edited(R"({"type": "NFC"})",
                  R"({"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [)" + steps +
                      R"(]}, {"type": "NFD"}]})");
  };
  CHECK(load(with_steps(limits::kTokenizerStepsMax - 1)).is_ok());
  CHECK(load(with_steps(limits::kTokenizerStepsMax)).code() == Code::limit_exceeded);
}

TEST_CASE("tokens and ids at their limits") {
  const auto with_token = [](size_t bytes) {
    return edited(R"("x": 4)", "\"x\": 4, \"" + std::string(bytes, 'y') + "\": 6");
  };
  CHECK(load(with_token(limits::kTokenBytesMax)).is_ok());
  CHECK(load(with_token(limits::kTokenBytesMax + 1)).code() == Code::limit_exceeded);
  std::unique_ptr<Tokenizer> tokenizer;
  REQUIRE(load(edited(R"("x": 4)", R"("x": 1048575)"), &tokenizer).is_ok());
  CHECK(tokenizer->size() == limits::kVocabularyMax);
  std::string text;
  CHECK(tokenizer->decode(std::vector<int32_t>{4, 7, 1048575}, false, &text).is_ok());  // holes give nothing
  CHECK(text == "x");
}

TEST_CASE("a pattern that takes steps without end is stopped") {
  std::unique_ptr<Tokenizer> tokenizer;
  for (std::string_view expression : {"\"(a+)+$\"", "\"(a|a)*b\"", "\"(?:a*)*b\"", "\"(a?){30}a{30}b\""}) {
    CAPTURE(expression);
    REQUIRE(load(edited("\"x+\"", expression), &tokenizer).is_ok());
    std::vector<int32_t> ids = {7};
    Status status;
    CHECK(seconds_of([&] {
            status = tokenizer->encode(std::string(5000, 'a') + "!b", true, TextBefore::nothing, &ids);
          }) < kSecondsMax);
    CHECK(status.code() == Code::limit_exceeded);
    CHECK(std::string(status.message()).find("too many steps") != std::string::npos);
    CHECK(ids == std::vector<int32_t>{7});
  }
}

TEST_CASE("invalid UTF-8 of every kind is refused with its place") {
  const auto tokenizer = load_tokenizer(kSmall);
  struct Bad {
    std::string_view text;
    const char* place;
  };
  const Bad all[] = {{"\x80", "byte 0"},
                     {"a\xFF", "byte 1"},
                     {"ab\xC3", "byte 2"},
                     {"ab\xE4\xB8", "byte 2"},
                     {"\xF0\x9F\x99", "byte 0"},
                     {"\xF0\x9F\x99x", "byte 0"},
                     {"\xC0\xAF", "byte 0"},
                     {"a\xE0\x80\xAF", "byte 1"},
                     {"\xF0\x80\x80\xAF", "byte 0"},
                     {"\xED\xA0\x80", "byte 0"},
                     {"\xED\xBF\xBF", "byte 0"},
                     {"\xF4\x90\x80\x80", "byte 0"},
                     {"\xC3\xA9\xC3\xC3", "byte 2"},
                     {"\xFE\xBF\xBF\xBF", "byte 0"}};
  for (const Bad& bad : all) {
    std::vector<int32_t> ids = {7};
    const Status status = tokenizer->encode(bad.text, true, TextBefore::nothing, &ids);
    const std::string message = status.message();
    CAPTURE(message);
    CHECK(status.code() == Code::invalid_argument);
    CHECK(message.find(bad.place) != std::string::npos);
    CHECK(ids == std::vector<int32_t>{7});
  }
  CHECK(encode(*tokenizer, std::string_view("a\0b", 3)) == std::vector<int32_t>{1, 0, 2});  // NUL is a character
}

TEST_CASE("prompts have a limit") {
  const auto tokenizer = load_tokenizer(edited(R"("unk_token": "?",)", ""));
  std::vector<int32_t> ids;
  std::string text(limits::kPromptBytesMax, '!');  // no token: nothing comes out
  CHECK(tokenizer->encode(text, false, TextBefore::nothing, &ids).is_ok());
  CHECK(ids.empty());
  text += '!';
  const Status status = tokenizer->encode(text, false, TextBefore::nothing, &ids);
  CHECK(status.code() == Code::limit_exceeded);
  CHECK(std::string(status.message()).find("16777217 bytes") != std::string::npos);
}

TEST_CASE("texts that grow have a limit") {
  std::string grown(5, 'a');
  grown += "\xEF\xB7\xBA";  // U+FDFA: 18 characters, 33 bytes in NFKC
  std::string text = grown;
  CHECK(to_normal_form(NormalForm::nfkc, 38, &text).is_ok());
  CHECK(text.size() == 38);
  text = grown;
  CHECK(to_normal_form(NormalForm::nfkc, 37, &text).code() == Code::limit_exceeded);

  PatternScratch scratch;
  std::string out;
  CHECK(Pattern::literal("a").replace_all("aab", "xyz", 7, &scratch, &out).is_ok());
  CHECK(out == "xyzxyzb");
  out.clear();
  CHECK(Pattern::literal("a").replace_all("aab", "xyz", 6, &scratch, &out).code() == Code::limit_exceeded);

  const std::string replace = R"({"type": "Replace", "pattern": {"String": "ab"}, "content": ")" +
                              std::string(limits::kTokenBytesMax, '!') + "\"}";
  const size_t just_beyond = limits::kNormalizedBytesMax / limits::kTokenBytesMax + 1;
  std::vector<int32_t> ids;
  CHECK(load_tokenizer(edited(R"({"type": "NFC"})", replace))
            ->encode(repeated("ab", 2 * just_beyond), false, TextBefore::nothing, &ids)
            .code() == Code::limit_exceeded);
  const auto decodes = load_tokenizer(edited(R"({"type": "Fuse"})", replace));
  CHECK(decodes->decode(std::vector<int32_t>(just_beyond, 3), false, &text).code() == Code::limit_exceeded);
}

TEST_CASE("a megabyte of one character is read in a moment by every published tokenizer") {
  for (const char* name : kTokenizerNames) {
    CAPTURE(name);
    const auto tokenizer = load_published(name);
    for (std::string_view unit : {"a", " ", "0", "\xF0\x9F\x99\x82", " \n", "<|im_start|>"}) {
      CAPTURE(unit);
      const std::string text = repeated(unit, 1 << 20);
      std::vector<int32_t> ids;
      CHECK(seconds_of([&] { ids = encode(*tokenizer, text, false, TextBefore::text); }) < kSecondsMax);
      CHECK(stream(*tokenizer, ids) == text);
    }
  }
}

TEST_CASE("a megabyte of marks in the wrong order is normalised in a moment") {
  // Half of each class, all of the higher class first: what swaps neighbours takes 2^36 steps.
  std::string text = repeated("\xCC\x81", 1 << 19) + repeated("\xCC\xA7", 1 << 19);
  CHECK(seconds_of([&] { CHECK(to_normal_form(NormalForm::nfd, 1 << 20, &text).is_ok()); }) < kSecondsMax);
  CHECK(text == repeated("\xCC\xA7", 1 << 19) + repeated("\xCC\x81", 1 << 19));
}

TEST_CASE("ids that are none are refused with their place") {
  const auto tokenizer = load_tokenizer(kSmall);
  std::string text = "kept";
  for (int32_t bad : {-1, 6, INT32_MAX, INT32_MIN}) {
    const Status status = tokenizer->decode(std::vector<int32_t>{1, bad}, false, &text);
    CHECK(status.code() == Code::invalid_argument);
    CHECK(std::string(status.message()).find("at place 1; ids are 0 to 5") != std::string::npos);
    CHECK(text == "kept");
  }
}

TEST_CASE("merges, bytes and whole words do not make control tokens of a user's text") {
  // Every way to the special token: by merges, as a single character, as a byte, as a word.
  const std::string special =
      R"({"id": 3, "content": "ab", "special": true}, {"id": 4, "content": "x", "special": true},
    {"id": 6, "content": "<0x79>", "special": true})";
  const std::string json = R"({"added_tokens": [)" + special + R"(], "model": {"type": "BPE", "unk_token": "?",
    "byte_fallback": true, "ignore_merges": true, "vocab": {"?": 0, "a": 1, "b": 2, "ab": 3, "x": 4, "<0x79>": 6},
    "merges": ["a b"]}})";
  const auto tokenizer = load_tokenizer(json);
  CHECK(encode(*tokenizer, "abxy", false) == std::vector<int32_t>{1, 2, 0, 0});
  CHECK(encode(*tokenizer, "ab", false) == std::vector<int32_t>{1, 2});
  CHECK(encode(*tokenizer, "abx", true) == std::vector<int32_t>{3, 4});
}

namespace {

struct SmallGguf {
  std::vector<std::string> contents = {"<unk>", "a", "b", "ab"};
  std::vector<std::string_view> merges = {"a b"};
  std::vector<float> scores = {0, -2, -3, -1};
  std::vector<int32_t> types = {2, 1, 1, 1};
  GgufVocabulary vocabulary;

  Status load(std::string_view model) {
    std::vector<std::string_view> tokens(contents.begin(), contents.end());
    vocabulary.model = model;
    vocabulary.tokens = tokens;
    vocabulary.merges = merges;
    vocabulary.scores = scores;
    vocabulary.types = types;
    std::unique_ptr<Tokenizer> tokenizer;
    return Tokenizer::load(vocabulary, "small.gguf", &tokenizer);
  }
};

}  // namespace

TEST_CASE("a GGUF vocabulary that contradicts itself is refused by its key") {
  const auto check = [](std::string_view model, Code code, const char* mentions, const auto& damage) {
    SmallGguf gguf;
    damage(&gguf);
    const Status status = gguf.load(model);
    const std::string message = status.message();
    CAPTURE(message);
    CHECK(status.code() == code);
    CHECK(message.find(mentions) != std::string::npos);
  };
  check("gpt2", Code::ok, "", [](SmallGguf*) {});
  check("llama", Code::ok, "", [](SmallGguf*) {});
  check("bert", Code::unsupported, "tokenizer.ggml.model \"bert\"", [](SmallGguf*) {});
  check("gpt2", Code::unsupported, "pre-tokenizer \"novel\"", [](SmallGguf* g) { g->vocabulary.pre = "novel"; });
  check("gpt2", Code::corrupt_file, "tokenizer.ggml.merges[1] has a left side",
        [](SmallGguf* g) { g->merges.push_back("c a"); });
  check("gpt2", Code::corrupt_file, "token_type has 3 entries for 4", [](SmallGguf* g) { g->types.pop_back(); });
  check("gpt2", Code::corrupt_file, "\"a\" has two ids", [](SmallGguf* g) { g->contents[2] = "a"; });
  check("gpt2", Code::corrupt_file, "tokens[2] is not valid UTF-8", [](SmallGguf* g) { g->contents[2] = "\xFF"; });
  check("gpt2", Code::corrupt_file, "vocabulary is empty", [](SmallGguf* g) { *g = {{}, {}, {}, {}, {}}; });
  check("llama", Code::corrupt_file, "scores has 5 entries for 4", [](SmallGguf* g) { g->scores.push_back(0); });
  check("llama", Code::not_found, "tokenizer.ggml.scores", [](SmallGguf* g) { g->scores.clear(); });
  check("llama", Code::corrupt_file, "scores[1] is not a finite number", [](SmallGguf* g) { g->scores[1] = NAN; });
  check("llama", Code::corrupt_file, "unknown_token_id 4", [](SmallGguf* g) { g->vocabulary.unknown = 4; });
}

TEST_CASE("the entries of a GGUF vocabulary at their limits") {
  const auto with_merged = [](size_t bytes) {
    SmallGguf gguf;
    gguf.contents[3] = std::string(bytes, 'a');
    return gguf.load("llama");
  };
  CHECK(with_merged(limits::kMergedTokenBytesMax).is_ok());
  CHECK(with_merged(limits::kMergedTokenBytesMax + 1).code() == Code::limit_exceeded);

  SmallGguf gguf;
  gguf.merges.clear();
  gguf.scores.clear();
  gguf.types.clear();
  gguf.contents.clear();
  while (gguf.contents.size() < limits::kVocabularyBytesMax / limits::kTokenBytesMax) {
    std::string token = std::to_string(gguf.contents.size());
    gguf.contents.push_back(token.append(limits::kTokenBytesMax - token.size(), 'a'));
  }
  CHECK(gguf.load("gpt2").is_ok());
  gguf.contents.push_back("a");
  CHECK(gguf.load("gpt2").code() == Code::limit_exceeded);

  gguf.contents.assign(limits::kVocabularyMax, "");  // holes
  gguf.contents.back() = "a";
  CHECK(gguf.load("gpt2").is_ok());
  gguf.contents.emplace_back("b");
  CHECK(gguf.load("gpt2").code() == Code::limit_exceeded);
}
