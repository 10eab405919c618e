// C API: sessions. Checks arguments, turns C structs into the engine's.
#include <algorithm>
#include <cstring>
#include <new>

#include "available_memory.hpp"
#include "describe.hpp"
#include "handles.hpp"

using namespace mica;

namespace {

Status engine_options(const mica_model* model, const mica_session_options* wanted, SessionOptions* out) {
  return Session::resolve(*model->model, wanted_options(wanted), out);
}

// Memory for a session of options that are resolved.
Status allocate(const Model& model, const SessionOptions& options, std::unique_ptr<uint8_t[]>* memory, void** buffer,
                size_t* bytes) {
  MICA_TRY(Session::size(model, options, bytes));
  return allocate_aligned("session", *bytes, memory, buffer);
}

Status options_within(const mica_workspace* workspace, const mica_session_options* wanted, SessionOptions* out) {
  return resolve_within(*workspace->model->model, workspace->workspace->options(), wanted_options(wanted), out);
}

Status session_bytes(const mica_model* model, mica_session_options options, uint32_t context, size_t* bytes) {
  options.context = context;
  SessionOptions resolved;
  MICA_TRY(engine_options(model, &options, &resolved));
  return Session::size(*model->model, resolved, bytes);
}

// The largest context up to `wanted` that fits; what a session takes grows with its context.
Status largest_context(const mica_model* model, const mica_session_options* options, uint32_t wanted,
                       uint32_t* context) {
  const mica_session_options chosen = options ? *options : mica_session_options_default();
  const uint64_t available = available_memory();
  const uint64_t most = available - available / 8;
  uint32_t fits = 0, too_large = wanted + 1;
  size_t bytes = 0;
  MICA_TRY(session_bytes(model, chosen, wanted, &bytes));
  if (bytes <= most) fits = wanted;
  while (fits != wanted && too_large - fits > 1) {
    const uint32_t middle = fits + (too_large - fits) / 2;
    // Very small contexts are refused for what else the options ask for; then larger ones may do.
    const bool good = session_bytes(model, chosen, middle, &bytes).is_ok() && bytes <= most;
    (good ? fits : too_large) = middle;
  }
  if (fits == 0)
    return Status::error(Code::out_of_memory, "this process may take %llu more bytes, too few for any session",
                         static_cast<unsigned long long>(available));
  *context = fits;
  return Status::ok();
}

Status borrow(const mica_picture* const* pictures, size_t count, const char* name, std::vector<const Picture*>* out) {
  for (size_t i = 0; i < count; ++i) {
    if (pictures[i] == nullptr) return missing_argument(name);
    out->push_back(&pictures[i]->picture);
  }
  return Status::ok();
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

}  // namespace

extern "C" {

mica_session_options mica_session_options_default(void) { return {}; }

mica_status mica_session_size(const mica_model* model, const mica_session_options* options, size_t* bytes,
                              mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(bytes);
    SessionOptions resolved;
    MICA_TRY(engine_options(model, options, &resolved));
    return Session::size(*model->model, resolved, bytes);
  });
}

mica_status mica_session_describe(const mica_model* model, const mica_session_options* options, char* json,
                                  size_t capacity, size_t* needed, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    SessionOptions resolved;
    std::string text;
    MICA_TRY(engine_options(model, options, &resolved));
    MICA_TRY(describe_session(*model->model, resolved, &text));
    return copy_text(text, json, capacity, needed);
  });
}

mica_status mica_session_context_within_memory(const mica_model* model, const mica_session_options* options,
                                               uint32_t wanted, uint32_t* context, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(context);
    return largest_context(model, options, wanted, context);
  });
}

mica_status mica_session_create(const mica_model* model, const mica_session_options* options, void* buffer,
                                size_t bytes, mica_session** session, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(session);
    SessionOptions resolved;
    MICA_TRY(engine_options(model, options, &resolved));
    auto handle = std::make_unique<mica_session>();
    handle->model = model;
    if (buffer == nullptr) MICA_TRY(allocate(*model->model, resolved, &handle->buffer, &buffer, &bytes));
    MICA_TRY(Session::create(*model->model, resolved, buffer, bytes, &handle->session));
    *session = handle.release();
    return Status::ok();
  });
}

mica_status mica_session_grow(mica_session* session, uint32_t context, mica_error* error) {
  return on_session(session, error, [&] {
    if (!session->buffer)
      return Status::error(Code::invalid_argument,
                           "this session is in a buffer of the caller's, which cannot grow: create one with a context of "
                           "%u and restore into it what this one saves", context);
    SessionOptions larger;
    std::unique_ptr<uint8_t[]> memory;
    void* buffer = nullptr;
    size_t bytes = 0;
    MICA_TRY(session->session->resolve_larger(context, &larger));
    MICA_TRY(session->session->size_for(larger, &bytes));
    MICA_TRY(allocate_aligned("session", bytes, &memory, &buffer));
    MICA_TRY(session->session->grow(larger, buffer, bytes));
    session->buffer = std::move(memory);
    return Status::ok();
  });
}

mica_status mica_workspace_session_size(const mica_workspace* workspace, const mica_session_options* options,
                                        size_t* bytes, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(workspace);
    MICA_REQUIRE(bytes);
    SessionOptions resolved;
    MICA_TRY(options_within(workspace, options, &resolved));
    return Session::size_within(*workspace->workspace, resolved, bytes);
  });
}

mica_status mica_workspace_session_create(mica_workspace* workspace, const mica_session_options* options, void* buffer,
                                          size_t bytes, mica_session** session, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(workspace);
    MICA_REQUIRE(session);
    SessionOptions resolved;
    MICA_TRY(options_within(workspace, options, &resolved));
    auto handle = std::make_unique<mica_session>();
    handle->model = workspace->model;
    if (buffer == nullptr) {
      MICA_TRY(Session::size_within(*workspace->workspace, resolved, &bytes));
      MICA_TRY(allocate_aligned("session", bytes, &handle->buffer, &buffer));
    }
    MICA_TRY(Session::create_within(workspace->workspace.get(), resolved, buffer, bytes, &handle->session));
    *session = handle.release();
    return Status::ok();
  });
}

void mica_session_free(mica_session* session) { delete session; }
void mica_session_clear(mica_session* session) {
  if (session != nullptr) session->session->clear();
}
void mica_session_cancel(mica_session* session) {
  if (session != nullptr) session->session->cancel();
}

mica_status mica_session_save(const mica_session* session, const char* path, mica_error* error) {
  return on_session(session, error, [&] {
    MICA_REQUIRE(path);
    return session->session->save(path);
  });
}

mica_status mica_session_restore(mica_session* session, const char* path, mica_error* error) {
  return on_session(session, error, [&] {
    MICA_REQUIRE(path);
    return session->session->restore(path);
  });
}

mica_status mica_session_add_message(mica_session* session, mica_role role, const mica_part* parts, size_t count,
                                     mica_error* error) {
  return on_session(session, error, [&] {
    if (count > 0) MICA_REQUIRE(parts);
    if (role < MICA_ROLE_SYSTEM || role > MICA_ROLE_ASSISTANT)
      return Status::error(Code::invalid_argument, "there is no role %d", static_cast<int>(role));
    std::vector<MessagePart> message(count);
    for (size_t i = 0; i < count; ++i) {
      if (parts[i].kind != MICA_PART_TEXT) {
        MICA_REQUIRE(parts[i].picture);
        message[i].picture = &parts[i].picture->picture;
        message[i].is_frame = parts[i].kind == MICA_PART_FRAME;
      } else {
        if (parts[i].text_bytes > 0) MICA_REQUIRE(parts[i].text);
        message[i].text = {parts[i].text, parts[i].text_bytes};
      }
    }
    return session->session->add_message(static_cast<Role>(role), message);
  });
}

mica_status mica_session_add_text(mica_session* session, const char* text, size_t bytes, int parse_special,
                                  mica_error* error) {
  return on_session(session, error, [&] {
    if (bytes > 0) MICA_REQUIRE(text);
    MICA_TRY(session->session->add_text({text, bytes}, parse_special != 0));
    // Who parses special tokens writes turns.
    if (parse_special == 0) warn_plain_text(session->session->model());
    return Status::ok();
  });
}

mica_status mica_session_add_picture(mica_session* session, const mica_picture* picture, mica_error* error) {
  return on_session(session, error, [&] {
    MICA_REQUIRE(picture);
    return session->session->add_picture(picture->picture);
  });
}

mica_status mica_session_add_video(mica_session* session, const mica_picture* const* frames, size_t count,
                                   mica_error* error) {
  return on_session(session, error, [&]() -> Status {
    if (count > 0) MICA_REQUIRE(frames);
    std::vector<const Picture*> borrowed;
    MICA_TRY(borrow(frames, count, "frames[i]", &borrowed));
    return session->session->add_video(borrowed);
  });
}

mica_status mica_session_add_tokens(mica_session* session, const int32_t* ids, size_t count,
                                    const mica_picture* const* pictures, size_t picture_count, mica_error* error) {
  return on_session(session, error, [&]() -> Status {
    if (count > 0) MICA_REQUIRE(ids);
    if (picture_count > 0) MICA_REQUIRE(pictures);
    std::vector<const Picture*> borrowed;
    MICA_TRY(borrow(pictures, picture_count, "pictures[i]", &borrowed));
    return session->session->add_tokens({ids, count}, borrowed);
  });
}

mica_status mica_session_picture_tokens(const mica_session* session, const mica_picture* picture, uint32_t* tokens,
                                        mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(session);
    MICA_REQUIRE(picture);
    MICA_REQUIRE(tokens);
    size_t count = 0;
    MICA_TRY(session->session->picture_tokens(picture->picture, &count));
    *tokens = static_cast<uint32_t>(count);
    return Status::ok();
  });
}

mica_status mica_session_fill(mica_session* session, uint32_t text, uint32_t pictures, uint32_t picture_tokens,
                              mica_error* error) {
  return on_session(session, error, [&] {
    return session->session->fill(text, pictures, picture_tokens);
  });
}

mica_status mica_session_prefill_piece(mica_session* session, mica_error* error) {
  return on_session(session, error, [&] { return session->session->prefill_piece(); });
}

int mica_session_waits_apart(const mica_session* session) {
  return session != nullptr && session->session->waits_apart();
}

mica_status mica_session_prefill(mica_session* session, mica_progress progress, void* user, mica_error* error) {
  return on_session(session, error, [&] {
    Progress adapter{progress, user};
    return session->session->prefill(Progress::call, &adapter);
  });
}

mica_status mica_session_logits(const mica_session* session, uint32_t from_end, const float** logits,
                                mica_error* error) {
  return on_session(session, error, [&] {
    MICA_REQUIRE(logits);
    const float* row = session->session->logits(from_end);
    if (row == nullptr)
      return Status::error(Code::invalid_argument, "there is no row %u of logits; logit_rows is %u", from_end,
                           session->session->options().logit_rows);
    *logits = row;
    return Status::ok();
  });
}

void mica_session_stats(const mica_session* session, mica_stats* stats) {
  if (stats == nullptr) return;
  if (session == nullptr) {
    *stats = {};
    return;
  }
  const Session& s = *session->session;
  *stats = {.tokens = s.tokens(),
            .tokens_visual = s.tokens_visual(),
            .tokens_waiting = s.tokens_pending(),
            .tokens_wanted = static_cast<uint32_t>(std::min<size_t>(s.tokens_wanted(), UINT32_MAX)),
            .session_bytes = s.bytes(),
            .kv_text_bytes = s.cache().text_bytes(),
            .kv_visual_bytes = s.cache().visual_bytes(),
            .pictures = s.stats().pictures,
            .picture_tokens = s.stats().picture_tokens,
            .pictures_reduced = s.stats().pictures_reduced,
            .picture_seconds = s.stats().picture_seconds,
            .prefill_tokens = s.stats().prefill_tokens,
            .prefill_seconds = s.stats().prefill_seconds,
            .decode_tokens = s.stats().decode_tokens,
            .decode_seconds = s.stats().decode_seconds};
}

void mica_session_stats_reset(mica_session* session) {
  if (session != nullptr) session->session->stats() = {};
}

}  // extern "C"
