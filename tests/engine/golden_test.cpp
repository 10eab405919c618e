// The engine against transformers: logits and greedy tokens of every family, in one chunk and in pieces, with any
// number of threads, and through a saved session.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "golden.hpp"

using namespace mica::test;

namespace {

constexpr uint32_t kContext = 640;  // the longest of these prompts and its answer

const char* const kFamilies[] = {
    "qwen2",        "qwen3",        "llama",       "mistral",   "granite",    "phi3",       "phi3_long",
    "lfm2",         "qwen3_5_text", "gemma",       "gemma2",    "gemma3_text", "gemma3_text_softcap",
    "gemma4_text_only",
    "gemma4",       "gemma4_dense", "gemma4_unified", "gemma_static_qat",
    "qwen2_vl",    "qwen2_5_vl", "qwen3_vl",  "qwen3_vl_b", "qwen3_5",
    "llava",        "gemma3",       "paligemma",   "llava_next",   "llava_onevision",
    "internvl",     "internvl2",    "internvl3_5", "idefics3",
    "smolvlm",      "mistral3",     "lighton_ocr", "paddleocr_vl", "glm4v",   "glm_ocr",    "lfm2_vl",
    "glm4v_9b",     "cogvlm2",      "qwen_vl",     "minicpmv_2_6", "video_llava", "llava_next_video",
    "llava_onevision_video", "minicpmv4_6", "paligemma2", "granite_vision", "llava_siglip",
    "llava_pixtral"};

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

// Instrumented, one size walks the same code.
#ifdef MICA_INSTRUMENTED
constexpr uint32_t kBatches[] = {7};
#else
constexpr uint32_t kBatches[] = {1, 7, 32};
#endif

TEST_CASE("logits and greedy tokens equal the reference") {
  for (const char* family : kFamilies) {
    mica_model* model = open_golden(family);
    for (const GoldenCase& golden : golden_cases(family)) {
      CAPTURE(golden.name);
      mica_session* session = make_session(model, 0, 0, 8, kContext);
      add_prompt(session, golden);
      // The bound of the project is 1e-3; what float arithmetic leaves here is below 1e-5.
      CHECK(relative_error(last_logits(session, 8, mica_model_vocabulary(model)), golden.logits) < 1e-5);
      CHECK(greedy_tokens(session, 6) == golden.greedy);
      mica_session_free(session);
    }
    mica_model_close(model);
  }
}

// Keys and values of earlier pieces are read from the cache, here as floats of 32 bits: what is left is the order of sums.
TEST_CASE("prefill in pieces gives the same tokens") {
  for (const char* family : kFamilies) {
    mica_model* model = open_golden(family);
    for (const GoldenCase& golden : golden_cases(family)) {
      for (const uint32_t batch : kBatches) {
        CAPTURE(golden.name);
        CAPTURE(batch);
        mica_session* session = make_session(model, batch, 0, 8, kContext, 32);
        add_prompt(session, golden);
        CHECK(relative_error(last_logits(session, 8, mica_model_vocabulary(model)), golden.logits) < 5e-5);
        CHECK(greedy_tokens(session, 6) == golden.greedy);
        mica_session_free(session);
      }
    }
    mica_model_close(model);
  }
}

TEST_CASE("one, two and three threads give the same bits") {
  for (const char* family : {"qwen2_vl", "internvl", "llama", "qwen3_vl_b", "cogvlm2", "qwen_vl", "idefics3",
                             "llava_onevision", "qwen2_5_vl", "lfm2", "qwen3_5_text", "qwen3_5", "gemma3_text",
                             "gemma3", "paligemma", "video_llava", "llava_next_video", "llava_onevision_video",
                             "minicpmv4_6", "gemma4", "gemma4_dense", "gemma_static_qat"}) {
    mica_model* model = open_golden(family);
    for (const GoldenCase& golden : golden_cases(family)) {
      std::vector<float> first;
      for (uint32_t threads : {1u, 2u, 3u}) {
        mica_session* session = make_session(model, 48, threads, 8, kContext);
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
      std::string(std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp") + "/mica_session_test_" + std::to_string(getpid()) + ".mica";
  for (const char* family : {"qwen2_vl", "qwen3", "qwen3_vl_b", "cogvlm2", "qwen_vl", "idefics3", "lfm2",
                             "qwen3_5_text", "qwen3_5", "gemma3_text", "gemma3", "paligemma",
                             "llava_onevision_video", "minicpmv4_6", "gemma4", "gemma4_unified"}) {
    mica_model* model = open_golden(family);
    const std::vector<GoldenCase> cases = golden_cases(family);
    mica_session* session = make_session(model, 0, 0, 8, kContext);
    mica_error error{};
    add_prompt(session, cases[0]);
    REQUIRE_MESSAGE(mica_session_save(session, path.c_str(), &error) == MICA_OK, error.message);
    const std::vector<int32_t> wanted = greedy_tokens(session, 12);
    mica_session* other = make_session(model, 0, 0, 8, kContext);
    REQUIRE_MESSAGE(mica_session_restore(other, path.c_str(), &error) == MICA_OK, error.message);
    CHECK(greedy_tokens(other, 12) == wanted);
    mica_session_free(other);
    // Into a larger context, too.
    mica_session_options options = mica_session_options_default();
    options.context = 2048;
    REQUIRE(mica_session_create(model, &options, nullptr, 0, &other, &error) == MICA_OK);
    REQUIRE_MESSAGE(mica_session_restore(other, path.c_str(), &error) == MICA_OK, error.message);
    CHECK(greedy_tokens(other, 12) == wanted);
    mica_session_free(other);
    mica_session_free(session);
    mica_model_close(model);
  }
  std::remove(path.c_str());
}
