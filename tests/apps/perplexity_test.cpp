// mica perplexity against its rule, computed here through mica.h: chunks, what begins them, the half that is scored.
// And mica check --formats of answers to a published file, which compares it with what is recorded.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "byte_tokenizer.hpp"
#include "test_folder.hpp"
#include "mica.h"
#include "program.hpp"

namespace {

constexpr size_t kChunk = 16;
constexpr int32_t kBegin = 256;  // <s> of byte_tokenizer

// exp of the mean surprise of the second half's tokens, each chunk read by an empty session.
double expected_perplexity(const std::string& path, std::vector<int32_t> ids, bool begin) {
  mica_model* model = nullptr;
  mica_session* session = nullptr;
  REQUIRE(mica_model_open(path.c_str(), nullptr, &model, nullptr) == MICA_OK);
  mica_session_options options = mica_session_options_default();
  options.context = kChunk;
  REQUIRE(mica_session_create(model, &options, nullptr, 0, &session, nullptr) == MICA_OK);
  double sum = 0;
  size_t count = 0;
  for (size_t first = 0; first + kChunk <= ids.size(); first += kChunk) {
    if (begin) ids[first] = kBegin;
    mica_session_clear(session);
    for (size_t i = 0; i + 1 < kChunk; ++i) {
      REQUIRE(mica_session_add_tokens(session, &ids[first + i], 1, nullptr, 0, nullptr) == MICA_OK);
      REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
      if (i < kChunk / 2) continue;
      const float* row = nullptr;
      REQUIRE(mica_session_logits(session, 0, &row, nullptr) == MICA_OK);
      double total = 0;
      for (uint32_t word = 0; word < mica_model_vocabulary(model); ++word) total += std::exp(double{row[word]});
      sum += std::log(total) - row[ids[first + i + 1]];
      ++count;
    }
  }
  mica_session_free(session);
  mica_model_close(model);
  return std::exp(sum / static_cast<double>(count));
}

std::vector<int32_t> tokens_of(const std::string& path, const std::string& text) {
  mica_tokenizer* tokenizer = nullptr;
  std::vector<int32_t> ids(text.size());
  size_t count = 0;
  REQUIRE(mica_tokenizer_open(path.c_str(), &tokenizer, nullptr) == MICA_OK);
  REQUIRE(mica_tokenize(tokenizer, text.data(), text.size(), 0, ids.data(), ids.size(), &count, nullptr) == MICA_OK);
  mica_tokenizer_close(tokenizer);
  ids.resize(count);
  return ids;
}

}  // namespace

TEST_CASE("every chunk begins with the token that the tokenizer puts before a text, if any") {
  for (bool begin : {true, false}) {
    CAPTURE(begin);
    const mica::TestFolder folder;
    for (const char* name : {"config.json", "model.safetensors"})
      std::filesystem::copy_file(program::data(std::string("golden/llama/") + name), folder.path(name));
    folder.write("tokenizer.json", mica::byte_tokenizer(begin));
    // With <s>, three chunks to the last token; without, three chunks and no more.
    std::string text = "It was a bright cold day in April, and the clocks";
    text.resize(3 * kChunk - (begin ? 1 : 0));
    folder.write("text", text);
    std::vector<int32_t> ids;
    if (begin) ids.push_back(kBegin);
    for (char c : text) ids.push_back(static_cast<unsigned char>(c));
    const program::Outcome outcome = program::run({"perplexity", "-m", folder.path(), "-f", folder.path("text"), "-c",
                                                   std::to_string(kChunk), "-o", "json"});
    REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
    const nlohmann::json result = nlohmann::json::parse(outcome.out);
    CHECK(result["chunks"] == 3);
    const double expected = expected_perplexity(folder.path(), ids, begin);
    CHECK(result["perplexity"].get<double>() == doctest::Approx(expected).epsilon(1e-4));
  }
}

TEST_CASE("answers to a published file are compared where it lies") {
  const mica::TestFolder folder;
  for (const char* name : {"files", "recorded"}) std::filesystem::create_directories(folder.path(name));
  const std::string model = folder.path("files/toy.gguf"), prompt = "Hello world";
  std::filesystem::copy_file(program::data("formats/gguf/smolvlm/text-f16.gguf"), model);
  const std::string text = "It was a bright cold day in April, and the clocks were striking.";
  folder.write("recorded/text.txt", text);
  const std::vector<int32_t> ids = tokens_of(model, text);
  const double perplexity = expected_perplexity(model, ids, false);
  nlohmann::json recorded = {{"text", "text.txt"},       {"context", kChunk},
                             {"chunk_nll_sum", {0}},     {"chunks_float", ids.size() / kChunk},
                             {"text_tokens", ids.size()}, {"perplexity_float", perplexity},
                             {"prompts", nlohmann::json::array()}};
  const auto shows = [&](const std::string& files, const std::string& what) {
    folder.write("recorded/toy.json", recorded.dump());
    const program::Outcome outcome =
        program::run({"check", "--formats", folder.path("recorded"), "-m", folder.path(files)});
    INFO(outcome.out, outcome.err);
    CHECK(program::contains(outcome.out, what));
  };
  shows("files", "1 of 1 cases within bounds");
  shows("recorded", "not here, so not compared: toy.gguf");

  recorded["perplexity_float"] = perplexity * 1.003;
  shows("files", "OUT OF BOUNDS: perplexity");
  recorded["perplexity_float"] = perplexity;
  // A token that the model does not choose, where the reference was sure and where it was not.
  recorded["prompts"] = {
      {{"text", prompt}, {"prompt_ids", tokens_of(model, prompt)}, {"greedy", {0}}, {"gap", {1.0}}}};
  shows("files", "OUT OF BOUNDS: greedy tokens");
  recorded["prompts"][0]["gap"] = {0.001};
  shows("files", "prompts 1/1, greedy 0/1");
  recorded["prompts"][0]["prompt_ids"] = {1};
  shows("files", "OUT OF BOUNDS: tokens of prompts");
  recorded["text_tokens"] = 1;
  shows("files", "has " + std::to_string(ids.size()) + " tokens, which ");
}

TEST_CASE("over itself a model loses nothing, and over another what their logits say") {
  const mica::TestFolder folder, other;
  for (const auto* at : {&folder, &other}) {
    std::filesystem::copy_file(program::data("golden/llama/config.json"), at->path("config.json"));
    at->write("tokenizer.json", mica::byte_tokenizer(true));
  }
  const std::string weights = program::data("golden/llama/model.safetensors");
  std::filesystem::copy_file(weights, folder.path("model.safetensors"));
  std::filesystem::copy_file(weights, other.path("model.safetensors"));
  folder.write("text", "It was a bright cold day in April, and the clocks were striking thirteen.");
  const auto measure = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"perplexity", "-m", folder.path(), "-f", folder.path("text"), "-c",
                                          std::to_string(kChunk), "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const program::Outcome outcome = program::run(arguments);
    REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
    return nlohmann::json::parse(outcome.out);
  };
  const nlohmann::json alone = measure({});
  CHECK_FALSE(alone.contains("base"));
  const nlohmann::json same = measure({"--base", other.path()});
  CHECK(same["perplexity"] == alone["perplexity"]);
  CHECK(same["base"]["perplexity"] == alone["perplexity"]);
  CHECK(same["base"]["rise"] == 0);
  CHECK(std::fabs(same["base"]["divergence"].get<double>()) < 1e-12);
}
