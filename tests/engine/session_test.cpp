// Sessions: their bounds, their buffer, cancelling, what a failure leaves behind. Not exactness: golden_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "checkpoint.hpp"
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
  std::vector<int32_t> surplus = cases[0].ids;
  const auto last = std::find(surplus.rbegin(), surplus.rend(), 300).base();  // config.json: image_token_index
  surplus.insert(last, 300);
  CHECK(mica_session_add_tokens(session, surplus.data(), surplus.size(), cases[0].pictures.data(), 1, &error) ==
        MICA_INVALID_ARGUMENT);
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

namespace {

void cancel_prefills(const char* family) {
  mica_model* model = open_golden(family);
  const std::vector<GoldenCase> cases = golden_cases(family);
  const auto newest = [&](const mica_session* session, uint32_t from_end = 0) -> std::vector<float> {
    const float* row = nullptr;
    if (mica_session_logits(session, from_end, &row, nullptr) != MICA_OK) return {};
    return {row, row + mica_model_vocabulary(model)};
  };
  for (uint32_t logit_rows : {1u, 2u, 200u}) {
    CAPTURE(logit_rows);
    mica_session *straight = make_session(model, 32, 1, logit_rows), *disturbed = make_session(model, 32, 1, logit_rows);
    const std::vector<int32_t> more(150, 7);
    const auto stop_late = [](void*, const char*, double done) { return done > 0.5 ? 1 : 0; };
    const auto add_and_stop = [&] {
      REQUIRE(mica_session_add_tokens(disturbed, more.data(), more.size(), nullptr, 0, nullptr) == MICA_OK);
      CHECK(mica_session_prefill(disturbed, stop_late, nullptr, nullptr) == MICA_CANCELLED);
    };
    add_and_stop();  // nothing before: no logits after
    CHECK(newest(disturbed).empty());
    for (mica_session* session : {straight, disturbed}) add_prompt(session, cases[0]);
    add_and_stop();
    CHECK(newest(straight) == newest(disturbed));
    CHECK(newest(disturbed, 1).empty());
    CHECK(greedy_tokens(disturbed, 6) == cases[0].greedy);
    mica_session_free(straight);
    mica_session_free(disturbed);
  }
  mica_model_close(model);
}

}  // namespace

TEST_CASE("a cancelled prefill leaves the newest logits as they were, and the answer that follows") {
  for (const char* family : {"llama", "lfm2", "qwen3_5_text", "gemma3_text"}) {
    CAPTURE(family);
    cancel_prefills(family);
  }
}

TEST_CASE("what an answer shows and counts, the session holds: at the context's end, after cancelling, after a stop") {
  mica_model* model = open_golden("llama");
  struct Listener {
    mica_session* session;
    uint32_t shown, cancel_at, stop_at;
    static int call(void* user, const char*, size_t, int32_t token) {
      auto* self = static_cast<Listener*>(user);
      if (token < 0) return 0;
      ++self->shown;
      if (self->shown == self->cancel_at) mica_session_cancel(self->session);
      return self->shown == self->stop_at;
    }
  };
  struct Ending {
    uint32_t cancel_at, stop_at, shown;
    mica_status status;
    mica_stop stop;
  };
  for (const Ending& ending : {Ending{0, 0, 6, MICA_OK, MICA_STOP_CONTEXT}, Ending{0, 2, 2, MICA_OK, MICA_STOP_CALLBACK},
                               Ending{3, 0, 3, MICA_CANCELLED, MICA_STOP_TOKENS}}) {
    mica_session_options options = mica_session_options_default();
    options.context = 16;
    mica_session* session = nullptr;
    REQUIRE(mica_session_create(model, &options, nullptr, 0, &session, nullptr) == MICA_OK);
    const std::vector<int32_t> ids(10, 5);
    REQUIRE(mica_session_add_tokens(session, ids.data(), ids.size(), nullptr, 0, nullptr) == MICA_OK);
    mica_sampling sampling = mica_sampling_default();
    sampling.temperature = 0;
    sampling.ignore_end = 1;
    Listener listener{session, 0, ending.cancel_at, ending.stop_at};
    mica_generation result{};
    CHECK(mica_session_generate(session, &sampling, Listener::call, &listener, &result, nullptr) == ending.status);
    if (ending.status == MICA_OK) CHECK(result.stop == ending.stop);
    CHECK(listener.shown == ending.shown);
    CHECK(result.tokens == ending.shown);
    mica_stats stats{};
    mica_session_stats(session, &stats);
    CHECK(stats.tokens == 10 + ending.shown);
    mica_session_free(session);
  }
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

// LFM2-VL's rule, whose narrowest and smallest pictures it then cannot lay out, while others are cut into tiles.
TEST_CASE("a picture has room to be resampled, also where the least and the most of its rule are one") {
  Checkpoint checkpoint("lfm2_vl");
  checkpoint.preprocessor["min_image_tokens"] = checkpoint.preprocessor["max_image_tokens"] = 5;
  mica_error error{};
  mica_model* model = checkpoint.open_model(&error);
  REQUIRE_MESSAGE(model != nullptr, error.message);
  mica_session* session = make_session(model, 0, 0, 1);
  const std::vector<uint8_t> rgb(200 * 133 * 3, 90);
  mica_picture* picture = nullptr;
  REQUIRE(mica_picture_from_rgb(rgb.data(), 200, 133, 0, &picture, &error) == MICA_OK);
  CHECK_MESSAGE(mica_session_add_picture(session, picture, &error) == MICA_OK, error.message);
  CHECK_MESSAGE(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_OK, error.message);
  mica_picture_free(picture);
  mica_session_free(session);
  mica_model_close(model);
}
