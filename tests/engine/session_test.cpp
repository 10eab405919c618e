// Sessions: their bounds, their buffer, cancelling, what a failure leaves behind. Not exactness: golden_test.cpp.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "golden.hpp"

using namespace mica::test;

TEST_CASE("the caller's buffer is all that a session takes, and a smaller one is refused") {
  mica_model* model = open_golden("qwen2_vl");
  mica_session_options options = mica_session_options_default();
  options.context = 256;
  size_t bytes = 0;
  mica_error error{};
  REQUIRE(mica_session_size(model, &options, &bytes, &error) == MICA_OK);
  void* buffer = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  mica_session* session = nullptr;
  CHECK(mica_session_create(model, &options, buffer, bytes - 1, &session, &error) == MICA_INVALID_ARGUMENT);
  CHECK(mica_session_create(model, &options, static_cast<char*>(buffer) + 1, bytes, &session, &error) ==
        MICA_INVALID_ARGUMENT);
  REQUIRE_MESSAGE(mica_session_create(model, &options, buffer, bytes, &session, &error) == MICA_OK, error.message);
  const std::vector<GoldenCase> cases = golden_cases("qwen2_vl");
  add_prompt(session, cases[0]);
  CHECK(greedy_tokens(session, 6) == cases[0].greedy);
  mica_session_free(session);
  std::free(buffer);
  mica_model_close(model);
}

TEST_CASE("options outside their bounds are refused by name") {
  mica_model* model = open_golden("llava");
  struct Bad {
    const char* name;
    void (*set)(mica_session_options*);
  };
  const Bad table[] = {
      {"context", [](mica_session_options* o) { o->context = 1; }},
      {"context", [](mica_session_options* o) { o->context = 1u << 25; }},
      {"batch", [](mica_session_options* o) { o->batch = 100000; }},
      {"threads", [](mica_session_options* o) { o->threads = 1000; }},
      {"logit_rows", [](mica_session_options* o) { o->logit_rows = 100000; }},
      {"picture_tokens", [](mica_session_options* o) { o->picture_tokens = 3; }},
  };
  for (const Bad& bad : table) {
    mica_session_options options = mica_session_options_default();
    bad.set(&options);
    size_t bytes = 0;
    mica_error error{};
    CAPTURE(bad.name);
    CHECK(mica_session_size(model, &options, &bytes, &error) == MICA_INVALID_ARGUMENT);
    CHECK(std::string(error.message).find(bad.name) != std::string::npos);
  }
  mica_model_close(model);
}

TEST_CASE("a full context is said, and the session holds what it held before") {
  mica_model* model = open_golden("llama");
  mica_session_options options = mica_session_options_default();
  options.context = 16;
  mica_session* session = nullptr;
  mica_error error{};
  REQUIRE(mica_session_create(model, &options, nullptr, 0, &session, &error) == MICA_OK);
  std::vector<int32_t> ids(16, 5);
  REQUIRE(mica_session_add_tokens(session, ids.data(), 10, nullptr, 0, &error) == MICA_OK);
  CHECK(mica_session_add_tokens(session, ids.data(), 7, nullptr, 0, &error) == MICA_CONTEXT_FULL);
  CHECK(mica_session_add_tokens(session, ids.data(), 6, nullptr, 0, &error) == MICA_OK);
  REQUIRE(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_OK);
  mica_generation result{};
  CHECK(mica_session_generate(session, nullptr, nullptr, nullptr, &result, &error) == MICA_OK);
  CHECK(result.stop == MICA_STOP_CONTEXT);
  mica_session_free(session);
  mica_model_close(model);
}

TEST_CASE("tokens out of range, pictures without placeholders and placeholders without room are refused") {
  mica_model* model = open_golden("llava");
  const std::vector<GoldenCase> cases = golden_cases("llava");
  mica_session* session = make_session(model);
  mica_error error{};
  const int32_t wrong[] = {-1, 320, 1 << 30};
  for (int32_t id : wrong) CHECK(mica_session_add_tokens(session, &id, 1, nullptr, 0, &error) == MICA_INVALID_ARGUMENT);
  const int32_t plain[] = {1, 2, 3};
  CHECK(mica_session_add_tokens(session, plain, 3, cases[0].pictures.data(), 1, &error) == MICA_INVALID_ARGUMENT);
  CHECK(mica_session_add_tokens(session, cases[0].ids.data(), cases[0].ids.size() / 2, cases[0].pictures.data(), 1,
                                &error) == MICA_INVALID_ARGUMENT);
  // Nothing of all that is left: the case still gives its tokens.
  add_prompt(session, cases[0]);
  CHECK(greedy_tokens(session, 6) == cases[0].greedy);
  mica_session_free(session);
  mica_model_close(model);
}

TEST_CASE("a text model refuses pictures") {
  mica_model* model = open_golden("qwen3");
  mica_session* session = make_session(model);
  const std::vector<uint8_t> rgb(3 * 8 * 8, 100);
  mica_picture* picture = nullptr;
  mica_error error{};
  REQUIRE(mica_picture_from_rgb(rgb.data(), 8, 8, 0, &picture, &error) == MICA_OK);
  CHECK(mica_session_add_picture(session, picture, &error) == MICA_UNSUPPORTED);
  uint32_t tokens = 0;
  CHECK(mica_picture_tokens(model, picture, &tokens, &error) == MICA_UNSUPPORTED);
  mica_picture_free(picture);
  mica_session_free(session);
  mica_model_close(model);
}

TEST_CASE("a cancelled prefill leaves the session as it was before the prompt") {
  mica_model* model = open_golden("qwen2_vl");
  const std::vector<GoldenCase> cases = golden_cases("qwen2_vl");
  mica_session* session = make_session(model, 16);
  mica_error error{};
  REQUIRE(mica_session_add_tokens(session, cases[1].ids.data(), cases[1].ids.size(), cases[1].pictures.data(), 1,
                                  &error) == MICA_OK);
  const auto stop_late = [](void*, const char*, double done) { return done > 0.4 ? 1 : 0; };
  CHECK(mica_session_prefill(session, stop_late, nullptr, &error) == MICA_CANCELLED);
  mica_stats stats{};
  mica_session_stats(session, &stats);
  CHECK(stats.tokens == 0);
  mica_session_cancel(session);
  REQUIRE(mica_session_add_tokens(session, cases[1].ids.data(), cases[1].ids.size(), cases[1].pictures.data(), 1,
                                  &error) == MICA_OK);
  CHECK(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_CANCELLED);
  add_prompt(session, cases[1]);
  CHECK(greedy_tokens(session, 6) == cases[1].greedy);
  mica_session_free(session);
  mica_model_close(model);
}

TEST_CASE("a cleared session is as new, and two prompts after each other are one text") {
  mica_model* model = open_golden("internvl");
  const std::vector<GoldenCase> cases = golden_cases("internvl");
  mica_session* session = make_session(model);
  for (const GoldenCase& golden : cases) {
    add_prompt(session, golden);
    CHECK(greedy_tokens(session, 6) == golden.greedy);
    mica_session_clear(session);
  }
  mica_error error{};
  const std::vector<GoldenCase> text = golden_cases("qwen2");
  mica_model* qwen = open_golden("qwen2");
  mica_session* pieces = make_session(qwen);
  const size_t half = text[0].ids.size() / 2;
  REQUIRE(mica_session_add_tokens(pieces, text[0].ids.data(), half, nullptr, 0, &error) == MICA_OK);
  REQUIRE(mica_session_prefill(pieces, nullptr, nullptr, &error) == MICA_OK);
  REQUIRE(mica_session_add_tokens(pieces, text[0].ids.data() + half, text[0].ids.size() - half, nullptr, 0, &error) ==
          MICA_OK);
  CHECK(greedy_tokens(pieces, 6) == text[0].greedy);
  mica_session_free(pieces);
  mica_model_close(qwen);
  mica_session_free(session);
  mica_model_close(model);
}

TEST_CASE("the same seed gives the same tokens, another seed others") {
  mica_model* model = open_golden("llama");
  const std::vector<GoldenCase> cases = golden_cases("llama");
  const auto run = [&](uint64_t seed) {
    mica_session* session = make_session(model);
    add_prompt(session, cases[0]);
    mica_sampling sampling = mica_sampling_default();
    sampling.temperature = 1.5f;
    sampling.seed = seed;
    sampling.tokens_max = 24;
    sampling.ignore_end = 1;
    std::vector<int32_t> tokens;
    mica_error error{};
    const auto collect = [](void* user, const char*, size_t, int32_t token) {
      static_cast<std::vector<int32_t>*>(user)->push_back(token);
      return 0;
    };
    REQUIRE(mica_session_generate(session, &sampling, collect, &tokens, nullptr, &error) == MICA_OK);
    mica_session_free(session);
    return tokens;
  };
  CHECK(run(7) == run(7));
  CHECK(run(7) != run(8));
  mica_model_close(model);
}
