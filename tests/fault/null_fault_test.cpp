// NULL where an argument is needed: a status that names it, or nothing and zero from functions without a status.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "mica.h"
#include "mica_camera.h"
#include "mica_schema.h"
#include "mica_tensors.h"
#include "mica_tokens.h"
#include "mica_video.h"

namespace {

struct Call {
  const char* argument;
  std::function<mica_status(mica_error*)> call;
};

void refuses(const std::vector<Call>& calls) {
  for (const Call& each : calls) {
    CAPTURE(each.argument);
    mica_error error{};
    CHECK(each.call(&error) == MICA_INVALID_ARGUMENT);
    CHECK(error.status == MICA_INVALID_ARGUMENT);
    CHECK(std::string(error.message).find("\"" + std::string(each.argument) + "\"") != std::string::npos);
    CHECK(each.call(nullptr) == MICA_INVALID_ARGUMENT);
  }
}

// What stands for an argument that is given, and that no call gets as far as looking at.
template <class T>
T* some() {
  alignas(16) static char memory[4096];
  return reinterpret_cast<T*>(memory);
}

}  // namespace

TEST_CASE("models, tokenizers, pictures and tensors") {
  auto* model = some<mica_model>();
  auto* picture = some<mica_picture>();
  size_t count = 0;
  uint32_t tokens = 0;
  refuses({
      {"model", [](mica_error* e) { return mica_model_open("m", nullptr, nullptr, e); }},
      {"bytes", [&](mica_error* e) { return mica_model_open_memory(nullptr, 1, nullptr, some<mica_model*>(), e); }},
      {"model", [](mica_error* e) { return mica_model_open_memory("m", 1, nullptr, nullptr, e); }},
      {"shape", [](mica_error* e) { return mica_model_open_shape(nullptr, nullptr, some<mica_model*>(), e); }},
      {"model", [](mica_error* e) { return mica_model_open_shape("m", nullptr, nullptr, e); }},
      {"model", [&](mica_error* e) { return mica_model_describe(nullptr, nullptr, 0, &count, e); }},
      {"model", [](mica_error* e) { return mica_model_verify(nullptr, nullptr, nullptr, e); }},
      {"path", [](mica_error* e) { return mica_tokenizer_open(nullptr, some<mica_tokenizer*>(), e); }},
      {"tokenizer", [](mica_error* e) { return mica_tokenizer_open("t", nullptr, e); }},
      {"tokenizer", [&](mica_error* e) { return mica_tokenize(nullptr, "a", 1, 0, nullptr, 0, &count, e); }},
      {"tokenizer", [&](mica_error* e) { return mica_detokenize(nullptr, nullptr, 0, 0, nullptr, 0, &count, e); }},
      {"tokenizer", [&](mica_error* e) { return mica_token_bytes(nullptr, 0, nullptr, 0, &count, e); }},
      {"path", [](mica_error* e) { return mica_chat_template_open(nullptr, some<mica_chat_template*>(), e); }},
      {"chat_template", [](mica_error* e) { return mica_chat_template_open("t", nullptr, e); }},
      {"chat_template",
       [&](mica_error* e) { return mica_chat_template_render(nullptr, "{}", 2, nullptr, 0, &count, e); }},
      {"path", [](mica_error* e) { return mica_picture_open(nullptr, some<mica_picture*>(), e); }},
      {"picture", [](mica_error* e) { return mica_picture_open("p", nullptr, e); }},
      {"bytes", [](mica_error* e) { return mica_picture_decode(nullptr, 1, some<mica_picture*>(), e); }},
      {"rgb", [](mica_error* e) { return mica_picture_from_rgb(nullptr, 1, 1, 0, some<mica_picture*>(), e); }},
      {"frame", [](mica_error* e) { return mica_picture_from_yuv(nullptr, some<mica_picture*>(), e); }},
      {"picture", [](mica_error* e) { return mica_picture_from_yuv(some<mica_yuv>(), nullptr, e); }},
      {"picture", [](mica_error* e) { return mica_picture_luma(nullptr, 1, 1, some<uint8_t>(), e); }},
      {"luma", [&](mica_error* e) { return mica_picture_luma(picture, 1, 1, nullptr, e); }},
      {"model", [&](mica_error* e) { return mica_picture_tokens(nullptr, picture, &tokens, e); }},
      {"picture", [&](mica_error* e) { return mica_picture_tokens(model, nullptr, &tokens, e); }},
      {"tokens", [&](mica_error* e) { return mica_picture_tokens(model, picture, nullptr, e); }},
      {"model", [&](mica_error* e) { return mica_picture_pixels(nullptr, picture, nullptr, 0, &count, e); }},
      {"model", [&](mica_error* e) { return mica_video_tokens(nullptr, nullptr, 0, &tokens, e); }},
      {"frames", [&](mica_error* e) { return mica_video_tokens(model, nullptr, 1, &tokens, e); }},
      {"tokens", [&](mica_error* e) { return mica_video_tokens(model, nullptr, 0, nullptr, e); }},
      {"model", [&](mica_error* e) { return mica_video_pixels(nullptr, nullptr, 0, nullptr, 0, &count, e); }},
      {"frames", [&](mica_error* e) { return mica_video_pixels(model, nullptr, 1, nullptr, 0, &count, e); }},
      {"needed", [&](mica_error* e) { return mica_video_pixels(model, nullptr, 0, nullptr, 0, nullptr, e); }},
      {"frame", [&](mica_error* e) { return mica_frame_set_time(nullptr, 0, 1, e); }},
      {"path", [&](mica_error* e) { return mica_video_open(nullptr, nullptr, nullptr, nullptr, 0, &count, e); }},
      {"count", [](mica_error* e) { return mica_video_open("v", nullptr, nullptr, nullptr, 0, nullptr, e); }},
      {"frames", [&](mica_error* e) { return mica_video_open("v", nullptr, nullptr, nullptr, 1, &count, e); }},
      {"path", [](mica_error* e) { return mica_tensors_open(nullptr, some<mica_tensors*>(), e); }},
      {"tensors", [](mica_error* e) { return mica_tensors_find(nullptr, "t", some<mica_tensor>(), e); }},
      {"blocks", [](mica_error* e) { return mica_blocks_values(2, nullptr, 18, some<float>(), 32, e); }},
      {"values", [](mica_error* e) { return mica_blocks_values(2, "", 18, nullptr, 32, e); }},
      {"model", [&](mica_error* e) { return mica_model_values(nullptr, "t", nullptr, 0, &count, e); }},
      {"name", [&](mica_error* e) { return mica_model_values(model, nullptr, nullptr, 0, &count, e); }},
      {"count", [&](mica_error* e) { return mica_model_values(model, "t", nullptr, 0, nullptr, e); }},
  });
}

TEST_CASE("sessions") {
  mica_model* model = nullptr;
  mica_session* session = nullptr;
  REQUIRE(mica_model_open(MICA_TESTS_DATA "/golden/llama", nullptr, &model, nullptr) == MICA_OK);
  REQUIRE(mica_session_create(model, nullptr, nullptr, 0, &session, nullptr) == MICA_OK);
  size_t bytes = 0;
  const float* logits = nullptr;
  refuses({
      {"model", [&](mica_error* e) { return mica_session_size(nullptr, nullptr, &bytes, e); }},
      {"bytes", [&](mica_error* e) { return mica_session_size(model, nullptr, nullptr, e); }},
      {"model", [&](mica_error* e) { return mica_session_describe(nullptr, nullptr, nullptr, 0, &bytes, e); }},
      {"model",
       [](mica_error* e) { return mica_session_create(nullptr, nullptr, nullptr, 0, some<mica_session*>(), e); }},
      {"session", [&](mica_error* e) { return mica_session_create(model, nullptr, nullptr, 0, nullptr, e); }},
      {"session", [](mica_error* e) { return mica_session_grow(nullptr, 64, e); }},
      {"session", [](mica_error* e) { return mica_session_save(nullptr, "s", e); }},
      {"path", [&](mica_error* e) { return mica_session_save(session, nullptr, e); }},
      {"session", [](mica_error* e) { return mica_session_restore(nullptr, "s", e); }},
      {"path", [&](mica_error* e) { return mica_session_restore(session, nullptr, e); }},
      {"session", [](mica_error* e) { return mica_session_add_message(nullptr, MICA_ROLE_USER, nullptr, 0, e); }},
      {"parts", [&](mica_error* e) { return mica_session_add_message(session, MICA_ROLE_USER, nullptr, 1, e); }},
      {"session", [](mica_error* e) { return mica_session_add_text(nullptr, "a", 1, 0, e); }},
      {"text", [&](mica_error* e) { return mica_session_add_text(session, nullptr, 1, 0, e); }},
      {"session", [](mica_error* e) { return mica_session_add_picture(nullptr, some<mica_picture>(), e); }},
      {"picture", [&](mica_error* e) { return mica_session_add_picture(session, nullptr, e); }},
      {"session", [](mica_error* e) { return mica_session_add_video(nullptr, nullptr, 0, e); }},
      {"frames", [&](mica_error* e) { return mica_session_add_video(session, nullptr, 1, e); }},
      {"session", [](mica_error* e) { return mica_session_add_tokens(nullptr, nullptr, 0, nullptr, 0, e); }},
      {"ids", [&](mica_error* e) { return mica_session_add_tokens(session, nullptr, 1, nullptr, 0, e); }},
      {"session", [](mica_error* e) { return mica_session_fill(nullptr, 1, 0, 0, e); }},
      {"session", [](mica_error* e) { return mica_session_prefill(nullptr, nullptr, nullptr, e); }},
      {"session", [](mica_error* e) { return mica_session_prefill_piece(nullptr, e); }},
      {"session", [&](mica_error* e) { return mica_session_logits(nullptr, 0, &logits, e); }},
      {"logits", [&](mica_error* e) { return mica_session_logits(session, 0, nullptr, e); }},
      {"model", [](mica_error* e) { return mica_model_sampling_default(nullptr, some<mica_sampling>(), e); }},
      {"sampling", [&](mica_error* e) { return mica_model_sampling_default(model, nullptr, e); }},
      {"session", [](mica_error* e) { return mica_session_set_stops(nullptr, nullptr, 0, e); }},
      {"session", [](mica_error* e) { return mica_session_set_schema(nullptr, nullptr, 0, e); }},
      {"session", [](mica_error* e) { return mica_session_use_schema(nullptr, nullptr, e); }},
      {"model", [](mica_error* e) { return mica_schema_read(nullptr, "{}", 2, some<mica_schema*>(), e); }},
      {"schema", [&](mica_error* e) { return mica_schema_read(model, nullptr, 0, some<mica_schema*>(), e); }},
      {"out", [&](mica_error* e) { return mica_schema_read(model, "{}", 2, nullptr, e); }},
      {"texts", [&](mica_error* e) { return mica_session_set_stops(session, nullptr, 1, e); }},
      {"texts[i].text",
       [&](mica_error* e) {
         const mica_text text = {nullptr, 1};
         return mica_session_set_stops(session, &text, 1, e);
       }},
      {"session", [](mica_error* e) { return mica_session_begin(nullptr, nullptr, e); }},
      {"session", [](mica_error* e) { return mica_session_step(nullptr, some<mica_step>(), e); }},
      {"step", [&](mica_error* e) { return mica_session_step(session, nullptr, e); }},
      {"model", [](mica_error* e) { return mica_pictures_create(nullptr, 1, some<mica_pictures*>(), e); }},
      {"pictures", [&](mica_error* e) { return mica_pictures_create(model, 1, nullptr, e); }},
      {"session", [](mica_error* e) { return mica_session_set_pictures(nullptr, nullptr, e); }},
      {"model", [&](mica_error* e) { return mica_workspace_size(nullptr, nullptr, 1, &bytes, e); }},
      {"bytes", [&](mica_error* e) { return mica_workspace_size(model, nullptr, 1, nullptr, e); }},
      {"model",
       [](mica_error* e) {
         return mica_workspace_create(nullptr, nullptr, 1, nullptr, 0, some<mica_workspace*>(), e);
       }},
      {"workspace", [&](mica_error* e) { return mica_workspace_create(model, nullptr, 1, nullptr, 0, nullptr, e); }},
      {"workspace", [&](mica_error* e) { return mica_workspace_session_size(nullptr, nullptr, &bytes, e); }},
      {"bytes", [](mica_error* e) { return mica_workspace_session_size(some<mica_workspace>(), nullptr, nullptr, e); }},
      {"workspace",
       [](mica_error* e) {
         return mica_workspace_session_create(nullptr, nullptr, nullptr, 0, some<mica_session*>(), e);
       }},
      {"session",
       [](mica_error* e) {
         return mica_workspace_session_create(some<mica_workspace>(), nullptr, nullptr, 0, nullptr, e);
       }},
      {"sessions", [](mica_error* e) { return mica_sessions_step(nullptr, 1, some<mica_step>(), nullptr, e); }},
      {"steps", [&](mica_error* e) { return mica_sessions_step(&session, 1, nullptr, nullptr, e); }},
      {"sessions[i]",
       [](mica_error* e) {
         mica_session* none = nullptr;
         return mica_sessions_step(&none, 1, some<mica_step>(), nullptr, e);
       }},
      {"session", [](mica_error* e) { return mica_session_generate(nullptr, nullptr, nullptr, nullptr, nullptr, e); }},
  });
  mica_session_free(session);
  mica_model_close(model);
}

TEST_CASE("functions without a status") {
  CHECK(mica_model_family(nullptr) == nullptr);
  CHECK(mica_model_context_max(nullptr) == 0);
  CHECK(mica_model_vocabulary(nullptr) == 0);
  CHECK(mica_model_parameters(nullptr) == 0);
  CHECK(mica_model_bytes(nullptr) == 0);
  CHECK(mica_model_has_vision(nullptr) == 0);
  CHECK(mica_model_has_chat(nullptr) == 0);
  CHECK(mica_model_tokenizer(nullptr) == nullptr);
  CHECK(mica_picture_width(nullptr) == 0);
  CHECK(mica_picture_height(nullptr) == 0);
  CHECK(mica_tensors_name(nullptr, 0) == nullptr);
  CHECK(mica_tensors_metadata(nullptr, "k", nullptr) == nullptr);
  mica_stats stats;
  stats.tokens = 7;
  mica_session_stats(nullptr, &stats);
  CHECK(stats.tokens == 0);
  mica_session_stats(nullptr, nullptr);
  mica_session_stats_reset(nullptr);
  mica_session_clear(nullptr);
  mica_session_cancel(nullptr);
  mica_session_free(nullptr);
  mica_workspace_free(nullptr);
  mica_picture_stats kept;
  kept.pictures = 7;
  mica_pictures_stats(nullptr, &kept);
  CHECK(kept.pictures == 0);
  mica_pictures_stats(nullptr, nullptr);
  mica_pictures_clear(nullptr);
  mica_pictures_free(nullptr);
  mica_model_close(nullptr);
  mica_tokenizer_close(nullptr);
  mica_picture_free(nullptr);
  mica_tensors_close(nullptr);
}
