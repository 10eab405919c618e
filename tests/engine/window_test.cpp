// Layers with windows: behind a few of them a token depends on those that their windows reach, and on no other, however
// its prompt is computed. Not the arithmetic of masks: kv_cache_test.cpp.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "checkpoint.hpp"

using namespace mica::test;

namespace {

constexpr uint32_t kWindow = 5;

// Qwen2's golden with windows in both layers, or in the second.
mica_model* open_windowed(uint32_t layer_first) {
  Checkpoint checkpoint("qwen2");
  checkpoint.config["use_sliding_window"] = true;
  checkpoint.config["sliding_window"] = kWindow;
  checkpoint.config["max_window_layers"] = layer_first;
  checkpoint.config.erase("layer_types");
  mica_error error{};
  mica_model* model = checkpoint.open_model(&error);
  REQUIRE_MESSAGE(model != nullptr, error.message);
  return model;
}

std::vector<int32_t> some_ids(size_t count) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(5 + i * i * 7 % 83));
  return ids;
}

// Logits behind the ids, of which the last `steps` are added one by one.
std::vector<float> logits_behind(const mica_model* model, const std::vector<int32_t>& ids, uint32_t batch,
                                 size_t steps) {
  mica_session* session = make_session(model, batch, 0, 1);
  mica_error error{};
  const size_t prompt = ids.size() - steps;
  for (size_t first = 0; first < ids.size(); first = first == 0 ? prompt : first + 1) {
    const size_t count = first == 0 ? prompt : 1;
    REQUIRE(mica_session_add_tokens(session, ids.data() + first, count, nullptr, 0, &error) == MICA_OK);
    REQUIRE(mica_session_prefill(session, nullptr, nullptr, &error) == MICA_OK);
  }
  const float* logits = nullptr;
  REQUIRE(mica_session_logits(session, 0, &logits, &error) == MICA_OK);
  const std::vector<float> out(logits, logits + mica_model_vocabulary(model));
  mica_session_free(session);
  return out;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a token depends on those that the windows of all layers reach, and on no other") {
  struct Trial {
    uint32_t layer_first;
    size_t reach;  // tokens, itself included
  };
  const std::vector<int32_t> ids = some_ids(60);
  for (const Trial& trial : {Trial{0, 2 * (kWindow - 1) + 1}, Trial{1, 60}}) {
    mica_model* model = open_windowed(trial.layer_first);
    for (const uint32_t batch : {0u, 1u, 7u})
      for (const size_t steps : {size_t{0}, size_t{20}}) {
        CAPTURE(trial.layer_first);
        CAPTURE(batch);
        CAPTURE(steps);
        const std::vector<float> logits = logits_behind(model, ids, batch, steps);
        for (size_t back = 1; back <= ids.size(); ++back) {
          CAPTURE(back);
          std::vector<int32_t> other = ids;
          other[ids.size() - back] += 1;
          CHECK(same(logits_behind(model, other, batch, steps), logits) == (back > trial.reach));
        }
      }
    mica_model_close(model);
  }
}

TEST_CASE("sessions are as long as they are asked for, whatever layers see") {
  mica_model* model = open_windowed(1);
  mica_session_options options = mica_session_options_default();
  for (const uint32_t context : {0u, kWindow, kWindow + 1, 2048u}) {
    options.context = context;
    mica_session* session = nullptr;
    mica_error error{};
    CHECK_MESSAGE(mica_session_create(model, &options, nullptr, 0, &session, &error) == MICA_OK, error.message);
    mica_session_free(session);
  }
  CHECK(mica_model_context_max(model) > kWindow);
  mica_model_close(model);
}
