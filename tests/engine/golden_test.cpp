// The engine against transformers: logits and greedy tokens of every family, in one chunk and in pieces, with any
// number of threads, and through a saved session.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "golden.hpp"

using namespace mica::test;

namespace {

const char* const kFamilies[] = {"qwen2", "qwen3", "llama", "qwen2_vl", "llava", "internvl"};

std::vector<float> last_logits(const mica_session* session, uint32_t rows, size_t vocabulary) {
  std::vector<float> out;
  for (uint32_t row = 0; row < rows; ++row) {
    const float* logits = nullptr;
    mica_error error{};
    REQUIRE_MESSAGE(mica_session_logits(session, rows - 1 - row, &logits, &error) == MICA_OK, error.message);
    out.insert(out.end(), logits, logits + vocabulary);
  }
  return out;
}

// max |a - b| / max |b|
double relative_error(const std::vector<float>& got, const std::vector<float>& wanted) {
  REQUIRE(got.size() == wanted.size());
  double difference = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference = std::max(difference, static_cast<double>(std::abs(got[i] - wanted[i])));
    largest = std::max(largest, static_cast<double>(std::abs(wanted[i])));
  }
  return difference / largest;
}

}  // namespace

TEST_CASE("logits and greedy tokens equal the reference") {
  for (const char* family : kFamilies) {
    mica_model* model = open_golden(family);
    for (const GoldenCase& golden : golden_cases(family)) {
      CAPTURE(golden.name);
      mica_session* session = make_session(model);
      add_prompt(session, golden);
      // The bound of the project is 1e-3; what float arithmetic leaves here is below 1e-5.
      CHECK(relative_error(last_logits(session, 8, mica_model_vocabulary(model)), golden.logits) < 1e-5);
      CHECK(greedy_tokens(session, 6) == golden.greedy);
      mica_session_free(session);
    }
    mica_model_close(model);
  }
}

TEST_CASE("prefill in pieces gives the same tokens") {
  for (const char* family : kFamilies) {
    mica_model* model = open_golden(family);
    for (const GoldenCase& golden : golden_cases(family)) {
      for (uint32_t batch : {1u, 7u, 32u}) {
        CAPTURE(golden.name);
        CAPTURE(batch);
        mica_session* session = make_session(model, batch);
        add_prompt(session, golden);
        CHECK(relative_error(last_logits(session, 8, mica_model_vocabulary(model)), golden.logits) < 1e-3);
        CHECK(greedy_tokens(session, 6) == golden.greedy);
        mica_session_free(session);
      }
    }
    mica_model_close(model);
  }
}

TEST_CASE("one, two and three threads give the same bits") {
  for (const char* family : {"qwen2_vl", "internvl", "llama"}) {
    mica_model* model = open_golden(family);
    for (const GoldenCase& golden : golden_cases(family)) {
      std::vector<float> first;
      for (uint32_t threads : {1u, 2u, 3u}) {
        mica_session* session = make_session(model, 48, threads);
        add_prompt(session, golden);
        const std::vector<float> logits = last_logits(session, 8, mica_model_vocabulary(model));
        if (threads == 1) first = logits;
        CAPTURE(golden.name);
        CHECK(std::memcmp(first.data(), logits.data(), logits.size() * sizeof(float)) == 0);
        mica_session_free(session);
      }
    }
    mica_model_close(model);
  }
}

TEST_CASE("a session saved and restored goes on with the same tokens") {
  const std::string path =
      std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/mica_session_test.safetensors";
  for (const char* family : {"qwen2_vl", "qwen3"}) {
    mica_model* model = open_golden(family);
    const std::vector<GoldenCase> cases = golden_cases(family);
    mica_session* session = make_session(model);
    mica_error error{};
    add_prompt(session, cases[0]);
    REQUIRE_MESSAGE(mica_session_save(session, path.c_str(), &error) == MICA_OK, error.message);
    const std::vector<int32_t> wanted = greedy_tokens(session, 12);
    mica_session* other = make_session(model);
    REQUIRE_MESSAGE(mica_session_restore(other, path.c_str(), &error) == MICA_OK, error.message);
    CHECK(greedy_tokens(other, 12) == wanted);
    mica_session_free(other);
    // Another context does not fit the saved one.
    mica_session_options options = mica_session_options_default();
    options.context = 256;
    REQUIRE(mica_session_create(model, &options, nullptr, 0, &other, &error) == MICA_OK);
    CHECK(mica_session_restore(other, path.c_str(), &error) == MICA_INVALID_ARGUMENT);
    mica_session_free(other);
    mica_session_free(session);
    mica_model_close(model);
  }
  std::remove(path.c_str());
}
