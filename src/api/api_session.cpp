// C API: sessions. Checks arguments, turns C structs into the engine's, runs the loop of an answer.
#include <cstring>
#include <new>

#include "describe.hpp"
#include "handles.hpp"
#include "session_file.hpp"

using namespace mica;

namespace {

Status engine_options(const mica_model* model, const mica_session_options* wanted, SessionOptions* out) {
  const mica_session_options chosen = wanted ? *wanted : mica_session_options_default();
  SessionOptions options;
  options.context = chosen.context;
  options.batch = chosen.batch;
  options.threads = chosen.threads;
  options.logit_rows = chosen.logit_rows;
  options.picture_tokens = chosen.picture_tokens;
  options.context_text = chosen.context_text;
  options.kv_wanted = {.visual_bits = chosen.kv_visual_bits,
                       .text_bits = chosen.kv_text_bits,
                       .levels = chosen.kv_levels,
                       .visual_layers = chosen.kv_visual_layers};
  return Session::resolve(*model->model, options, out);
}

// mica_progress returns nonzero to cancel, as ProgressFunction returns true.
struct Progress {
  mica_progress function;
  void* user;
  static bool call(void* self, const char* stage, double done) {
    const auto* progress = static_cast<const Progress*>(self);
    return progress->function != nullptr && progress->function(progress->user, stage, done) != 0;
  }
};

Sampling engine_sampling(const mica_sampling& s) {
  return {.temperature = s.temperature,
          .top_k = s.top_k,
          .top_p = s.top_p,
          .min_p = s.min_p,
          .repeat_penalty = s.repeat_penalty,
          .repeat_last = s.repeat_last,
          .seed = s.seed};
}

// One answer: sample, show, decode, until something ends it.
class Answer {
 public:
  Answer(mica_session* session, const mica_sampling& sampling, mica_text_callback callback, void* user)
      : session_(*session->session),
        model_(*session->model->model),
        wanted_(sampling),
        callback_(callback),
        user_(user) {}

  Status run(mica_generation* result) {
    const Sampling sampling = engine_sampling(wanted_);
    MICA_TRY(check_sampling(sampling));
    MICA_TRY(session_.begin_answer());
    MICA_TRY(session_.prefill(nullptr, nullptr));
    session_.sampler().seed(sampling.seed);
    Status status = Status::ok();
    result->stop = MICA_STOP_TOKENS;
    while (wanted_.tokens_max == 0 || result->tokens < wanted_.tokens_max) {
      int32_t token = 0;
      status = session_.sample(sampling, &token);
      if (!status) break;
      if (model_.ends(token) && !wanted_.ignore_end) {
        result->stop = MICA_STOP_END;
        break;
      }
      ++result->tokens;
      if (!show(token)) {
        result->stop = MICA_STOP_CALLBACK;
        // The token was shown, so the conversation holds it.
        status = session_.decode(token);
        break;
      }
      // The last token's own logits are not needed by anyone, but its keys and values are when the talk goes on.
      status = session_.decode(token);
      if (!status) break;
    }
    if (status.code() == Code::context_full) {
      result->stop = MICA_STOP_CONTEXT;
      status = Status::ok();
    }
    finish_text();
    return status;
  }

 private:
  bool show(int32_t token) {
    std::string_view bytes = model_.tokenizer ? model_.tokenizer->token_bytes(token) : std::string_view();
    // Templates end before a blank that the model then writes itself; nobody wants to see it.
    if (first_ && model_.chat.format && !bytes.empty() && bytes[0] == ' ') bytes.remove_prefix(1);
    if (!bytes.empty()) first_ = false;
    char text[kPieceBytes];
    size_t count = 0;
    bool go_on = true;
    // Long tokens pass in pieces.
    do {
      const std::string_view piece = bytes.substr(0, kPieceBytes / 4);
      bytes.remove_prefix(piece.size());
      count = stream_.push(piece, text);
      if (callback_) go_on = callback_(user_, text, count, token) == 0;
    } while (!bytes.empty() && go_on);
    return go_on;
  }

  void finish_text() {
    char text[kPieceBytes];
    const size_t count = stream_.finish(text);
    if (count > 0 && callback_) callback_(user_, text, count, -1);
  }

  static constexpr size_t kPieceBytes = 4096;
  Session& session_;
  const Model& model_;
  const mica_sampling wanted_;
  mica_text_callback callback_;
  void* user_;
  CharacterStream stream_;
  bool first_ = true;
};

}  // namespace

extern "C" {

mica_session_options mica_session_options_default(void) { return {}; }

mica_status mica_session_size(const mica_model* model, const mica_session_options* options, size_t* bytes,
                              mica_error* error) {
  MICA_REQUIRE(model);
  MICA_REQUIRE(bytes);
  SessionOptions resolved;
  Status status = engine_options(model, options, &resolved);
  if (status) status = Session::size(*model->model, resolved, bytes);
  return report(status, error);
}

mica_status mica_session_describe(const mica_model* model, const mica_session_options* options, char* json,
                                  size_t capacity, size_t* needed, mica_error* error) {
  MICA_REQUIRE(model);
  SessionOptions resolved;
  std::string text;
  Status status = engine_options(model, options, &resolved);
  if (status) status = describe_session(*model->model, resolved, &text);
  if (status) status = copy_text(text, json, capacity, needed);
  return report(status, error);
}

mica_status mica_session_create(const mica_model* model, const mica_session_options* options, void* buffer,
                                size_t bytes, mica_session** session, mica_error* error) {
  MICA_REQUIRE(model);
  MICA_REQUIRE(session);
  SessionOptions resolved;
  if (const Status status = engine_options(model, options, &resolved); !status) return report(status, error);
  std::unique_ptr<mica_session> handle(new (std::nothrow) mica_session);
  if (!handle) return report(Status::error(Code::out_of_memory, "no memory for a session"), error);
  handle->model = model;
  if (buffer == nullptr) {
    if (const Status status = Session::size(*model->model, resolved, &bytes); !status) return report(status, error);
    // Not cleared: pages that a short conversation never touches never become resident.
    handle->buffer.reset(new (std::nothrow) uint8_t[bytes + Arena::kAlignment]);
    if (!handle->buffer)
      return report(Status::error(Code::out_of_memory,
                                  "no memory for a session of %zu bytes; a smaller context or batch takes less", bytes),
                    error);
    const auto address = reinterpret_cast<uintptr_t>(handle->buffer.get());
    buffer = handle->buffer.get() + (round_up(address, Arena::kAlignment) - address);
  }
  const Status status = Session::create(*model->model, resolved, buffer, bytes, &handle->session);
  if (status) *session = handle.release();
  return report(status, error);
}

void mica_session_free(mica_session* session) { delete session; }
void mica_session_clear(mica_session* session) { session->session->clear(); }
void mica_session_cancel(mica_session* session) { session->session->cancel(); }

mica_status mica_session_save(const mica_session* session, const char* path, mica_error* error) {
  MICA_REQUIRE(session);
  MICA_REQUIRE(path);
  return report(SessionFile::save(*session->session, path), error);
}

mica_status mica_session_restore(mica_session* session, const char* path, mica_error* error) {
  MICA_REQUIRE(session);
  MICA_REQUIRE(path);
  return report(SessionFile::restore(session->session.get(), path), error);
}

mica_status mica_session_add_message(mica_session* session, mica_role role, const mica_part* parts, size_t count,
                                     mica_error* error) {
  MICA_REQUIRE(session);
  if (count > 0) MICA_REQUIRE(parts);
  if (role < MICA_ROLE_SYSTEM || role > MICA_ROLE_ASSISTANT)
    return report(Status::error(Code::invalid_argument, "there is no role %d", static_cast<int>(role)), error);
  std::vector<MessagePart> message(count);
  for (size_t i = 0; i < count; ++i) {
    if (parts[i].kind == MICA_PART_PICTURE) {
      MICA_REQUIRE(parts[i].picture);
      message[i].picture = &parts[i].picture->picture;
    } else {
      if (parts[i].text_bytes > 0) MICA_REQUIRE(parts[i].text);
      message[i].text = {parts[i].text, parts[i].text_bytes};
    }
  }
  return report(session->session->add_message(static_cast<Role>(role), message), error);
}

mica_status mica_session_add_text(mica_session* session, const char* text, size_t bytes, int parse_special,
                                  mica_error* error) {
  MICA_REQUIRE(session);
  if (bytes > 0) MICA_REQUIRE(text);
  return report(session->session->add_text({text, bytes}, parse_special != 0), error);
}

mica_status mica_session_add_picture(mica_session* session, const mica_picture* picture, mica_error* error) {
  MICA_REQUIRE(session);
  MICA_REQUIRE(picture);
  return report(session->session->add_picture(picture->picture), error);
}

mica_status mica_session_add_tokens(mica_session* session, const int32_t* ids, size_t count,
                                    const mica_picture* const* pictures, size_t picture_count, mica_error* error) {
  MICA_REQUIRE(session);
  if (count > 0) MICA_REQUIRE(ids);
  if (picture_count > 0) MICA_REQUIRE(pictures);
  std::vector<const Picture*> borrowed(picture_count);
  for (size_t i = 0; i < picture_count; ++i) {
    MICA_REQUIRE(pictures[i]);
    borrowed[i] = &pictures[i]->picture;
  }
  return report(session->session->add_tokens({ids, count}, borrowed), error);
}

mica_status mica_session_fill(mica_session* session, uint32_t text, uint32_t pictures, uint32_t picture_tokens,
                              mica_error* error) {
  MICA_REQUIRE(session);
  return report(session->session->fill(text, pictures, picture_tokens), error);
}

mica_status mica_session_prefill(mica_session* session, mica_progress progress, void* user, mica_error* error) {
  MICA_REQUIRE(session);
  Progress adapter{progress, user};
  return report(session->session->prefill(Progress::call, &adapter), error);
}

mica_status mica_session_logits(const mica_session* session, uint32_t from_end, const float** logits,
                                mica_error* error) {
  MICA_REQUIRE(session);
  MICA_REQUIRE(logits);
  const float* row = session->session->logits(from_end);
  if (row == nullptr)
    return report(Status::error(Code::invalid_argument, "there is no row %u of logits; logit_rows is %u", from_end,
                                session->session->options().logit_rows), error);
  *logits = row;
  return report(Status::ok(), error);
}

mica_sampling mica_sampling_default(void) {
  return {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .repeat_penalty = 1.0f, .repeat_last = 64,
          .seed = 0, .tokens_max = 0, .ignore_end = 0};
}

mica_status mica_session_generate(mica_session* session, const mica_sampling* sampling, mica_text_callback callback,
                                  void* user, mica_generation* result, mica_error* error) {
  MICA_REQUIRE(session);
  mica_generation own{};
  if (result == nullptr) result = &own;
  *result = {};
  Answer answer(session, sampling ? *sampling : mica_sampling_default(), callback, user);
  return report(answer.run(result), error);
}

void mica_session_stats(const mica_session* session, mica_stats* stats) {
  const Session& s = *session->session;
  *stats = {.tokens = s.tokens(),
            .tokens_visual = s.tokens_visual(),
            .session_bytes = s.bytes(),
            .kv_text_bytes = s.cache().text_bytes(),
            .kv_visual_bytes = s.cache().visual_bytes(),
            .pictures = s.stats.pictures,
            .picture_tokens = s.stats.picture_tokens,
            .picture_seconds = s.stats.picture_seconds,
            .prefill_tokens = s.stats.prefill_tokens,
            .prefill_seconds = s.stats.prefill_seconds,
            .decode_tokens = s.stats.decode_tokens,
            .decode_seconds = s.stats.decode_seconds};
}

void mica_session_stats_reset(mica_session* session) { session->session->stats = {}; }

}  // extern "C"
