// C API: answers, whole or in steps, of one session or of several. Checks arguments, turns C structs into the engine's.
#include <algorithm>

#include "handles.hpp"

using namespace mica;

namespace {

Sampling engine_sampling(const mica_sampling& s) {
  return {.temperature = s.temperature,
          .top_k = s.top_k,
          .top_p = s.top_p,
          .min_p = s.min_p,
          .repeat_penalty = s.repeat_penalty,
          .repeat_last = s.repeat_last,
          .seed = s.seed};
}

AnswerOptions answer_options(const mica_sampling* sampling) {
  const mica_sampling chosen = sampling ? *sampling : mica_sampling_default();
  return {.sampling = engine_sampling(chosen), .tokens_max = chosen.tokens_max, .ignore_end = chosen.ignore_end != 0};
}

mica_stop stop_of(Stop stop) {
  switch (stop) {
    case Stop::end: return MICA_STOP_END;
    case Stop::tokens: return MICA_STOP_TOKENS;
    case Stop::context: return MICA_STOP_CONTEXT;
    case Stop::text: return MICA_STOP_TEXT;
    case Stop::none: break;
  }
  return MICA_STOP_NONE;
}

// Steps until something ends the answer; a callback that ends it hears what was held back of its last characters.
Status generate(Session* session, const AnswerOptions& options, mica_text_callback callback, void* user,
                mica_generation* result) {
  MICA_TRY(session->begin_answer(options));
  AnswerStep step;
  Status status;
  bool go_on = true;
  result->stop = MICA_STOP_TOKENS;
  while (go_on && step.stop == Stop::none) {
    status = session->step(&step);
    if (!status) break;
    result->tokens += step.token >= 0;
    if (callback && (step.token >= 0 || !step.text.empty()))
      go_on = callback(user, step.text.data(), step.text.size(), step.token) == 0;
  }
  if (!go_on) result->stop = MICA_STOP_CALLBACK;
  if (step.stop != Stop::none) result->stop = stop_of(step.stop);
  const Status held = session->end_answer(&step);
  if (callback && !step.text.empty()) callback(user, step.text.data(), step.text.size(), -1);
  return status ? held : status;
}

mica_step step_of(const AnswerStep& step) {
  return {step.token, step.text.data(), step.text.size(), stop_of(step.stop)};
}

// Different sessions of one workspace, as many as it steps at once.
Status check_together(mica_session* const* sessions, size_t count) {
  for (size_t i = 0; i < count; ++i) MICA_REQUIRE(sessions[i]);
  const Workspace& workspace = sessions[0]->session->workspace();
  if (count > workspace.options().sequences)
    return Status::error(Code::invalid_argument, "%zu sessions; their workspace was made for %u at once", count,
                         workspace.options().sequences);
  for (size_t i = 0; i < count; ++i) {
    if (&sessions[i]->session->workspace() != &workspace)
      return Status::error(Code::invalid_argument, "session %zu is not in the workspace of session 0", i);
    if (std::count(sessions, sessions + count, sessions[i]) > 1)
      return Status::error(Code::invalid_argument, "session %zu is there twice", i);
  }
  return Status::ok();
}

// The first failure, after all were stepped.
Status step_together(mica_session* const* sessions, size_t count, mica_step* steps, mica_status* statuses) {
  Session* stepped[limits::kSessionsTogetherMax];
  for (size_t i = 0; i < count; ++i) stepped[i] = sessions[i]->session.get();
  Session::step_together({stepped, count});
  Status first;
  for (size_t i = 0; i < count; ++i) {
    const Session::Outcome& outcome = stepped[i]->outcome();
    steps[i] = step_of(outcome.status ? outcome.step : AnswerStep{});
    if (statuses != nullptr) statuses[i] = static_cast<mica_status>(outcome.status.code());
    if (first && !outcome.status) first = outcome.status;
    MICA_TRY(stepped[i]->check_guards());
  }
  return first;
}

}  // namespace

extern "C" {

mica_sampling mica_sampling_default(void) {
  return {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .repeat_penalty = 1.0f, .repeat_last = 64,
          .seed = 0, .tokens_max = 0, .ignore_end = 0};
}

mica_status mica_model_sampling_default(const mica_model* model, mica_sampling* sampling, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(sampling);
    const std::optional<Sampling>& asked = model->model->sampling;
    if (!asked) return Status::error(Code::not_found, "the model's files say nothing of sampling");
    *sampling = {.temperature = asked->temperature,
                 .top_k = asked->top_k,
                 .top_p = asked->top_p,
                 .min_p = asked->min_p,
                 .repeat_penalty = asked->repeat_penalty,
                 .repeat_last = asked->repeat_last,
                 .seed = asked->seed,
                 .tokens_max = 0,
                 .ignore_end = 0};
    return Status::ok();
  });
}

mica_status mica_session_set_stops(mica_session* session, const mica_text* texts, size_t count, mica_error* error) {
  return on_session(session, error, [&] {
    if (count > 0) MICA_REQUIRE(texts);
    std::vector<std::string_view> stops(count);
    for (size_t i = 0; i < count; ++i) {
      if (texts[i].bytes > 0) MICA_REQUIRE(texts[i].text);
      stops[i] = {texts[i].text, texts[i].bytes};
    }
    return session->session->answer().set_stops(stops);
  });
}

mica_status mica_session_begin(mica_session* session, const mica_sampling* sampling, mica_error* error) {
  return on_session(session, error, [&] { return session->session->begin_answer(answer_options(sampling)); });
}

mica_status mica_session_step(mica_session* session, mica_step* step, mica_error* error) {
  return on_session(session, error, [&] {
    MICA_REQUIRE(step);
    AnswerStep given;
    MICA_TRY(session->session->step(&given));
    *step = step_of(given);
    return Status::ok();
  });
}

mica_status mica_sessions_step(mica_session* const* sessions, size_t count, mica_step* steps, mica_status* statuses,
                               mica_error* error) {
  return guarded(error, [&]() -> Status {
    if (count == 0) return Status::ok();
    MICA_REQUIRE(sessions);
    MICA_REQUIRE(steps);
    MICA_TRY(check_together(sessions, count));
    return step_together(sessions, count, steps, statuses);
  });
}

mica_status mica_session_generate(mica_session* session, const mica_sampling* sampling, mica_text_callback callback,
                                  void* user, mica_generation* result, mica_error* error) {
  return on_session(session, error, [&] {
    mica_generation own{};
    if (result == nullptr) result = &own;
    *result = {};
    return generate(session->session.get(), answer_options(sampling), callback, user, result);
  });
}

}  // extern "C"
