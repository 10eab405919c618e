// Rows of encoded pictures: against those that transformers puts in the place of a picture's tokens, and without a trace
// in the conversation.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "golden.hpp"
#include "mica_embeddings.h"

using namespace mica::test;

namespace {

constexpr size_t kRecorded = 1;  // the case of each family that has rows

struct Rows {
  size_t tokens = 0, width = 0;
  std::vector<float> values;
};

Rows recorded_rows(const std::string& family) {
  mica_tensors* file = nullptr;
  mica_tensor tensor;
  mica_error error{};
  const std::string path = golden_path(family) + "/golden_" + std::to_string(kRecorded) + ".safetensors";
  REQUIRE_MESSAGE(mica_tensors_open(path.c_str(), &file, &error) == MICA_OK, error.message);
  REQUIRE_MESSAGE(mica_tensors_find(file, "image_embeds", &tensor, &error) == MICA_OK, error.message);
  Rows rows{tensor.shape[0], tensor.shape[1], std::vector<float>(tensor.bytes / sizeof(float))};
  std::memcpy(rows.values.data(), tensor.data, tensor.bytes);
  mica_tensors_close(file);
  return rows;
}

Rows rows_of(mica_session* session, const mica_picture* picture) {
  mica_embeddings embeddings{};
  mica_error error{};
  REQUIRE_MESSAGE(mica_session_embed_picture(session, picture, &embeddings, &error) == MICA_OK, error.message);
  return {embeddings.tokens,
          embeddings.width,
          {embeddings.values, embeddings.values + size_t{embeddings.tokens} * embeddings.width}};
}

mica_stats stats_of(const mica_session* session) {
  mica_stats stats{};
  mica_session_stats(session, &stats);
  return stats;
}

}  // namespace

TEST_CASE("the rows of a picture are those of transformers") {
  for (const char* family : {"gemma3", "glm_ocr", "idefics3", "internvl3_5", "lfm2_vl", "lighton_ocr", "minicpmv_2_6",
                             "mistral3", "paddleocr_vl", "qwen3_5", "qwen3_vl_b", "qwen_vl"}) {
    CAPTURE(family);
    mica_model* model = open_golden(family);
    mica_session* session = make_session(model);
    const std::vector<GoldenCase> cases = golden_cases(family);
    const Rows wanted = recorded_rows(family), rows = rows_of(session, cases[kRecorded].pictures[0]);
    CHECK(rows.tokens == wanted.tokens);
    CHECK(rows.width == wanted.width);
    REQUIRE(rows.values.size() == wanted.values.size());
    float largest = 0, error = 0;
    for (size_t i = 0; i < rows.values.size(); ++i) {
      largest = std::max(largest, std::fabs(wanted.values[i]));
      error = std::max(error, std::fabs(rows.values[i] - wanted.values[i]));
    }
    CHECK(largest > 0);
    CHECK(error <= 1e-4F * largest);
    mica_session_free(session);
    mica_model_close(model);
  }
}

TEST_CASE("a conversation does not notice it, and a picture that is kept is not encoded again") {
  mica_model* model = open_golden("qwen2_vl");
  mica_pictures* pictures = nullptr;
  REQUIRE(mica_pictures_create(model, 16 << 20, &pictures, nullptr) == MICA_OK);
  mica_session* session = make_session(model);
  const std::vector<GoldenCase> cases = golden_cases("qwen2_vl");
  const mica_picture* picture = cases[kRecorded].pictures[0];
  const Rows plain = rows_of(session, picture);
  CHECK(stats_of(session).pictures == 1);
  CHECK(stats_of(session).tokens == 0);
  add_prompt(session, cases[kRecorded]);
  CHECK(rows_of(session, cases[2].pictures[0]).values != plain.values);
  REQUIRE(mica_session_prefill(session, nullptr, nullptr, nullptr) == MICA_OK);
  CHECK(rows_of(session, picture).values == plain.values);
  CHECK(greedy_tokens(session, 6) == cases[kRecorded].greedy);

  mica_session_clear(session);
  mica_session_stats_reset(session);
  REQUIRE(mica_session_set_pictures(session, pictures, nullptr) == MICA_OK);
  CHECK(rows_of(session, picture).values == plain.values);
  CHECK(rows_of(session, picture).values == plain.values);
  add_prompt(session, cases[kRecorded]);
  CHECK(greedy_tokens(session, 6) == cases[kRecorded].greedy);
  CHECK(stats_of(session).pictures == 1);
  mica_session_free(session);
  mica_pictures_free(pictures);
  mica_model_close(model);
}

TEST_CASE("bad requests") {
  mica_model *model = open_golden("qwen2_vl"), *blind = open_golden("qwen2");
  mica_session *session = make_session(model), *without_eyes = make_session(blind);
  const std::vector<GoldenCase> cases = golden_cases("qwen2_vl");
  const mica_picture* picture = cases[kRecorded].pictures[0];
  mica_embeddings embeddings{};
  mica_error error{};
  CHECK(mica_session_embed_picture(nullptr, picture, &embeddings, &error) == MICA_INVALID_ARGUMENT);
  CHECK(mica_session_embed_picture(session, nullptr, &embeddings, &error) == MICA_INVALID_ARGUMENT);
  CHECK(mica_session_embed_picture(session, picture, nullptr, &error) == MICA_INVALID_ARGUMENT);
  CHECK(mica_session_embed_picture(without_eyes, picture, &embeddings, &error) == MICA_UNSUPPORTED);
  mica_session_cancel(session);
  CHECK(mica_session_embed_picture(session, picture, &embeddings, &error) == MICA_CANCELLED);
  CHECK(embeddings.values == nullptr);
  CHECK(mica_session_embed_picture(session, picture, &embeddings, &error) == MICA_OK);
  for (mica_session* each : {session, without_eyes}) mica_session_free(each);
  for (mica_model* each : {model, blind}) mica_model_close(each);
}
