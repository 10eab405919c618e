// Pictures that are encoded once and used in many sessions: with the same answers, and without encoding them again.
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "golden.hpp"

using namespace mica::test;

namespace {

mica_stats stats_of(const mica_session* session) {
  mica_stats stats{};
  mica_session_stats(session, &stats);
  return stats;
}

mica_picture_stats stats_of(const mica_pictures* pictures) {
  mica_picture_stats stats{};
  mica_pictures_stats(pictures, &stats);
  return stats;
}

std::vector<float> newest_logits(const mica_model* model, const mica_session* session) {
  const float* row = nullptr;
  REQUIRE(mica_session_logits(session, 0, &row, nullptr) == MICA_OK);
  return {row, row + mica_model_vocabulary(model)};
}

}  // namespace

TEST_CASE("a picture that came before is not encoded again, and its answer has the same bits") {
  for (const char* family : {"qwen2_vl", "llava", "internvl", "qwen3_vl_b"}) {
    CAPTURE(family);
    mica_model* model = open_golden(family);
    mica_pictures* pictures = nullptr;
    REQUIRE(mica_pictures_create(model, 64 << 20, &pictures, nullptr) == MICA_OK);
    // Of other handles with the same pixels.
    const std::vector<GoldenCase> cases = golden_cases(family), again = golden_cases(family);
    mica_session *first = make_session(model), *second = make_session(model, 16), *plain = make_session(model);
    for (mica_session* session : {first, second})
      REQUIRE(mica_session_set_pictures(session, pictures, nullptr) == MICA_OK);
    for (size_t i = 0; i < cases.size(); ++i) {
      for (mica_session* session : {first, second, plain}) mica_session_clear(session);
      add_prompt(plain, cases[i]);
      REQUIRE(mica_session_prefill(plain, nullptr, nullptr, nullptr) == MICA_OK);
      for (int turn = 0; turn < 2; ++turn) {
        mica_session_clear(first);
        add_prompt(first, turn == 0 ? cases[i] : again[i]);
        REQUIRE(mica_session_prefill(first, nullptr, nullptr, nullptr) == MICA_OK);
        CHECK(newest_logits(model, first) == newest_logits(model, plain));
        CHECK(greedy_tokens(first, 6) == cases[i].greedy);
      }
      add_prompt(second, again[i]);
      CHECK(greedy_tokens(second, 6) == cases[i].greedy);
    }
    const uint32_t encoded = stats_of(plain).pictures;
    CHECK(encoded > 0);
    CHECK(stats_of(first).pictures <= encoded);
    CHECK(stats_of(second).pictures == 0);
    CHECK(stats_of(pictures).pictures == stats_of(first).pictures);
    CHECK(stats_of(pictures).missed == stats_of(first).pictures);
    CHECK(stats_of(pictures).bytes <= stats_of(pictures).bytes_max);
    mica_pictures_clear(pictures);
    CHECK(stats_of(pictures).bytes == 0);
    for (mica_session* session : {first, second, plain}) mica_session_free(session);
    mica_pictures_free(pictures);
    mica_model_close(model);
  }
}

TEST_CASE("without room nothing is kept; pictures of another model are refused; a session can use none again") {
  mica_model *model = open_golden("qwen2_vl"), *other = open_golden("llava");
  mica_pictures *none = nullptr, *strange = nullptr;
  REQUIRE(mica_pictures_create(model, 100, &none, nullptr) == MICA_OK);
  REQUIRE(mica_pictures_create(other, 1 << 20, &strange, nullptr) == MICA_OK);
  mica_session* session = make_session(model);
  CHECK(mica_session_set_pictures(session, strange, nullptr) == MICA_INVALID_ARGUMENT);
  REQUIRE(mica_session_set_pictures(session, none, nullptr) == MICA_OK);
  const std::vector<GoldenCase> cases = golden_cases("qwen2_vl");
  for (int turn = 1; turn < 4; ++turn) {
    if (turn == 3) {
      REQUIRE(mica_session_set_pictures(session, nullptr, nullptr) == MICA_OK);
      mica_pictures_free(none);
    }
    mica_session_clear(session);
    add_prompt(session, cases[1]);
    CHECK(greedy_tokens(session, 6) == cases[1].greedy);
    CHECK(stats_of(session).pictures == static_cast<uint32_t>(turn) * cases[1].pictures.size());
  }
  mica_session_free(session);
  mica_pictures_free(strange);
  mica_model_close(other);
  mica_model_close(model);
}
