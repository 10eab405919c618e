// Saved sessions and sessions that grow: they go on with the same bits. Damaged files: fault/session_file_fault_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "golden.hpp"
#include "test_folder.hpp"

using namespace mica::test;

namespace {

mica_session_options small(uint32_t context, uint32_t batch = 0, uint32_t threads = 1) {
  mica_session_options options = mica_session_options_default();
  options.context = context;
  options.batch = batch;
  options.threads = threads;
  options.logit_rows = 2;
  options.picture_tokens = std::min(300u, context);  // placeholders stand for whole pictures
  return options;
}

mica_session* create(const mica_model* model, const mica_session_options& options) {
  mica_session* session = nullptr;
  mica_error error{};
  REQUIRE_MESSAGE(mica_session_create(model, &options, nullptr, 0, &session, &error) == MICA_OK, error.message);
  return session;
}

mica_status add(mica_session* session, const GoldenCase& golden) {
  return mica_session_add_tokens(session, golden.ids.data(), golden.ids.size(), golden.pictures.data(),
                                 golden.pictures.size(), nullptr);
}

std::vector<float> newest(const mica_model* model, const mica_session* session) {
  const float* row = nullptr;
  if (mica_session_logits(session, 0, &row, nullptr) != MICA_OK) return {};
  return {row, row + mica_model_vocabulary(model)};
}

const char* const kFamilies[] = {"qwen2", "qwen3", "llama", "qwen2_vl", "llava", "internvl", "lfm2",
                                 "qwen3_5_text", "qwen3_5", "gemma3_text", "gemma3", "paligemma"};

}  // namespace

TEST_CASE("what one session saved, another with a larger context, other batch and threads goes on with") {
  const mica::TestFolder folder;
  const std::string path = folder.path("session");
  for (const char* family : kFamilies) {
    INFO(std::string(family));
    mica_model* model = open_golden(family);
    for (const GoldenCase& golden : golden_cases(family)) {
      mica_session *saved = create(model, small(400)), *other = create(model, small(512, 33, 2));
      add_prompt(saved, golden);
      mica_error error{};
      REQUIRE_MESSAGE(mica_session_save(saved, path.c_str(), &error) == MICA_OK, error.message);
      REQUIRE_MESSAGE(mica_session_restore(other, path.c_str(), &error) == MICA_OK, error.message);
      CHECK(newest(model, saved) == newest(model, other));
      CHECK(greedy_tokens(other, 6) == golden.greedy);
      CHECK(greedy_tokens(saved, 6) == golden.greedy);
      CHECK(newest(model, saved) == newest(model, other));
      mica_session_free(saved);
      mica_session_free(other);
    }
    mica_model_close(model);
  }
}

TEST_CASE("a saved session has the rows that exist, whatever the context, and nothing that memory held before") {
  const mica::TestFolder folder;
  const std::string path = folder.path("session");
  mica_model* model = open_golden("qwen2");
  size_t first = 0;
  for (uint32_t context : {64u, 4096u}) {
    const mica_session_options options = small(context);
    size_t bytes = 0;
    REQUIRE(mica_session_size(model, &options, &bytes, nullptr) == MICA_OK);
    bytes = (bytes + 63) / 64 * 64;
    auto* buffer = static_cast<char*>(std::aligned_alloc(64, bytes));
    const std::string secret = "SECRET-OF-ANOTHER-SESSION.";
    for (size_t i = 0; i < bytes; ++i) buffer[i] = secret[i % secret.size()];
    mica_session* session = nullptr;
    REQUIRE(mica_session_create(model, &options, buffer, bytes, &session, nullptr) == MICA_OK);
    const int32_t ids[] = {1, 2, 3};
    REQUIRE(mica_session_add_tokens(session, ids, 3, nullptr, 0, nullptr) == MICA_OK);
    REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
    REQUIRE(mica_session_save(session, path.c_str(), nullptr) == MICA_OK);
    const std::vector<uint8_t> file = mica::read_all(path);
    if (first == 0) first = file.size();
    CHECK(file.size() == first);
    CHECK(std::string(file.begin(), file.end()).find("SECRET") == std::string::npos);
    CHECK(std::string(file.begin(), file.end()).find("ECRE") == std::string::npos);
    mica_session_free(session);
    std::free(buffer);
  }
  mica_model_close(model);
}

TEST_CASE("a session is not restored where it does not fit, or belongs to other weights; the session stays as it was") {
  const mica::TestFolder folder;
  const std::string path = folder.path("session"), copy = folder.path("model");
  mica_model* model = open_golden("llama");
  const std::vector<GoldenCase> cases = golden_cases("llama");
  mica_session* saved = create(model, small(400));
  add_prompt(saved, cases[0]);
  REQUIRE(mica_session_save(saved, path.c_str(), nullptr) == MICA_OK);

  std::filesystem::copy(golden_path("llama"), copy);
  std::vector<uint8_t> weights = mica::read_all(copy + "/model.safetensors");
  weights[weights.size() - 4] ^= 1;  // one bit of one weight
  folder.write("model/model.safetensors", weights);
  mica_model* tuned = nullptr;
  REQUIRE(mica_model_open(copy.c_str(), nullptr, &tuned, nullptr) == MICA_OK);
  struct Refusal {
    const mica_model* model;
    uint32_t context;
    mica_status status;
    const char* words;
  };
  const Refusal table[] = {{model, 16, MICA_CONTEXT_FULL, "this one has room for 16"},
                           {tuned, 400, MICA_INVALID_ARGUMENT, "another model"}};
  for (const Refusal& refusal : table) {
    mica_session* session = create(refusal.model, small(refusal.context));
    const int32_t ids[] = {5, 6, 7};
    REQUIRE(mica_session_add_tokens(session, ids, 3, nullptr, 0, nullptr) == MICA_OK);
    REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
    const std::vector<float> before = newest(refusal.model, session);
    mica_error error{};
    CHECK(mica_session_restore(session, path.c_str(), &error) == refusal.status);
    CHECK_MESSAGE(std::string(error.message).find(refusal.words) != std::string::npos, error.message);
    CHECK(newest(refusal.model, session) == before);
    mica_stats stats{};
    mica_session_stats(session, &stats);
    CHECK(stats.tokens == 3);
    CHECK(!greedy_tokens(session, 4).empty());
    mica_session_free(session);
  }
  mica_session_free(saved);
  mica_model_close(tuned);
  mica_model_close(model);
}

TEST_CASE("text that waits is saved, a picture that waits is refused") {
  const mica::TestFolder folder;
  const std::string path = folder.path("session");
  mica_model* model = open_golden("qwen2_vl");
  const std::vector<GoldenCase> cases = golden_cases("qwen2_vl");
  mica_session *saved = create(model, small(512)), *other = create(model, small(512));
  add_prompt(saved, cases[0]);
  const int32_t more[] = {4, 5, 6, 7};
  REQUIRE(mica_session_add_tokens(saved, more, 4, nullptr, 0, nullptr) == MICA_OK);
  REQUIRE(mica_session_save(saved, path.c_str(), nullptr) == MICA_OK);
  mica_error error{};
  REQUIRE_MESSAGE(mica_session_restore(other, path.c_str(), &error) == MICA_OK, error.message);
  CHECK(greedy_tokens(saved, 6) == greedy_tokens(other, 6));
  CHECK(newest(model, saved) == newest(model, other));
  REQUIRE(add(saved, cases[0]) == MICA_OK);
  CHECK(mica_session_save(saved, path.c_str(), &error) == MICA_INVALID_ARGUMENT);
  CHECK(std::string(error.message).find("prefill before saving") != std::string::npos);
  // A picture that waits is forgotten by a restore.
  for (mica_session* session : {saved, other}) {
    REQUIRE(mica_session_restore(session, path.c_str(), nullptr) == MICA_OK);
    REQUIRE(add(session, cases[1]) == MICA_OK);
    REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
  }
  CHECK(newest(model, saved) == newest(model, other));
  mica_session_free(saved);
  mica_session_free(other);
  mica_model_close(model);
}

TEST_CASE("a session that grows keeps what it holds and what waits, pictures too, and reads on with the same bits") {
  for (const char* family : kFamilies) {
    INFO(std::string(family));
    mica_model* model = open_golden(family);
    const std::vector<GoldenCase> cases = golden_cases(family);
    for (const GoldenCase& golden : cases) {
      const auto context = static_cast<uint32_t>(golden.ids.size() + 2);
      for (bool computed : {true, false}) {
        mica_session_options exact = small(context), ample = small(512, context);
        exact.picture_tokens = ample.picture_tokens = context;  // else the exact one would keep room for text
        mica_session *grows = create(model, exact), *large = create(model, ample);
        for (mica_session* session : {grows, large}) REQUIRE(add(session, golden) == MICA_OK);
        for (mica_session* session : {grows, large})
          if (computed) REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
        mica_error error{};
        REQUIRE_MESSAGE(mica_session_grow(grows, 512, &error) == MICA_OK, error.message);
        CHECK(newest(model, grows) == newest(model, large));
        CHECK(greedy_tokens(grows, 6) == golden.greedy);
        CHECK(greedy_tokens(large, 6) == golden.greedy);
        CHECK(newest(model, grows) == newest(model, large));
        // There is room for another picture now.
        for (mica_session* session : {grows, large}) add_prompt(session, golden);
        CHECK(newest(model, grows) == newest(model, large));
        mica_session_free(grows);
        mica_session_free(large);
      }
    }
    mica_model_close(model);
  }
}

TEST_CASE("a session does not grow to less, beyond what there is, or in a buffer of the caller's") {
  mica_model* model = open_golden("qwen2");
  mica_session* session = create(model, small(64));
  mica_error error{};
  CHECK(mica_session_grow(session, 64, &error) == MICA_INVALID_ARGUMENT);
  CHECK(mica_session_grow(session, UINT32_MAX, &error) == MICA_INVALID_ARGUMENT);
  CHECK(std::string(error.message).find("context is 4294967295") != std::string::npos);
  CHECK(mica_session_grow(nullptr, 128, &error) == MICA_INVALID_ARGUMENT);
  mica_session_free(session);
  const mica_session_options options = small(64);
  size_t bytes = 0;
  REQUIRE(mica_session_size(model, &options, &bytes, &error) == MICA_OK);
  void* buffer = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  REQUIRE(mica_session_create(model, &options, buffer, bytes, &session, &error) == MICA_OK);
  CHECK(mica_session_grow(session, 128, &error) == MICA_INVALID_ARGUMENT);
  CHECK(std::string(error.message).find("buffer of the caller's") != std::string::npos);
  mica_session_free(session);
  std::free(buffer);
  mica_model_close(model);
}
