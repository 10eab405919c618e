// Sessions for Python: alone or several of one workspace, with what they need to live as long as they do.
#include "native.hpp"

namespace mica_python {
namespace {

constexpr Option<mica_session_options> kSessionOptions[] = {
    {"context", &mica_session_options::context},
    {"batch", &mica_session_options::batch},
    {"threads", &mica_session_options::threads},
    {"threads_batch", &mica_session_options::threads_batch},
    {"logit_rows", &mica_session_options::logit_rows},
    {"picture_tokens", &mica_session_options::picture_tokens},
    {"picture_tokens_min", &mica_session_options::picture_tokens_min},
    {"context_text", &mica_session_options::context_text},
    {"kv_visual_bits", &mica_session_options::kv_visual_bits},
    {"kv_text_bits", &mica_session_options::kv_text_bits},
    {"kv_levels", &mica_session_options::kv_levels},
    {"kv_visual_layers", &mica_session_options::kv_visual_layers},
};
constexpr Option<mica_sampling> kSampling[] = {
    {"temperature", &mica_sampling::temperature},
    {"top_k", &mica_sampling::top_k},
    {"top_p", &mica_sampling::top_p},
    {"min_p", &mica_sampling::min_p},
    {"repeat_penalty", &mica_sampling::repeat_penalty},
    {"repeat_last", &mica_sampling::repeat_last},
    {"seed", &mica_sampling::seed},
    {"max_tokens", &mica_sampling::tokens_max},
    {"ignore_end", &mica_sampling::ignore_end},
};

using SessionPointer = std::shared_ptr<Session>;

std::shared_ptr<Room> open_workspace(const Model& model, uint32_t sessions, const py::dict& wanted) {
  Texts texts;
  const mica_session_options options = session_options(wanted, &texts);
  auto room = std::make_shared<Room>();
  room->model = model.handle;
  unlocked([&] {
    room->workspace =
        open_handle<app::Workspace>(mica_workspace_create, static_cast<const mica_model*>(room->model.get()), &options,
                                    sessions, nullptr, size_t{0});
  });
  return room;
}

SessionPointer open_session(const Model& model, const py::dict& wanted) {
  Texts texts;
  const mica_session_options options = session_options(wanted, &texts);
  auto session = std::make_shared<Session>();
  session->room = std::make_shared<Room>();
  session->room->model = model.handle;
  unlocked([&] {
    session->handle = open_handle<app::Session>(mica_session_create, static_cast<const mica_model*>(model.handle.get()),
                                                &options, nullptr, size_t{0});
  });
  return session;
}

SessionPointer open_session_within(const std::shared_ptr<Room>& room, const py::dict& wanted) {
  Texts texts;
  const mica_session_options options = session_options(wanted, &texts);
  auto session = std::make_shared<Session>();
  session->room = room;
  in_turn(room.get(), [&] {
    session->handle =
        open_handle<app::Session>(mica_workspace_session_create, room->workspace.get(), &options, nullptr, size_t{0});
  });
  return session;
}

// A call on a session that can fail.
template <class Call>
void call(Session* session, const Call& function) {
  in_turn(session->room.get(), [&] {
    mica_error error{};
    require(function(session->handle.get(), &error), error);
  });
}

mica_stats stats_of(const Session& session) {
  mica_stats stats{};
  mica_session_stats(session.handle.get(), &stats);
  return stats;
}

// Pictures are kept until they were computed, or are taken back.
void give_back_computed(Session* session, bool computed) {
  if (computed || stats_of(*session).tokens_waiting == 0) session->borrowed.clear();
}

// A message's parts: texts, pictures, and lists of pictures, which are the frames of a video.
struct Parts {
  Texts texts;
  std::vector<mica_part> parts;
  std::vector<std::shared_ptr<mica_picture>> pictures;

  void add_picture(py::handle item, mica_part_kind kind) {
    const auto handle = item.cast<const Picture&>().handle;
    parts.push_back({kind, nullptr, 0, handle.get()});
    pictures.push_back(handle);
  }
  void add(py::handle item) {
    if (py::isinstance<py::str>(item)) {
      const std::string& text = texts.emplace_back(item.cast<std::string>());
      parts.push_back({MICA_PART_TEXT, text.data(), text.size(), nullptr});
    } else if (py::isinstance<py::list>(item)) {
      for (const py::handle frame : item.cast<py::list>()) add_picture(frame, MICA_PART_FRAME);
    } else {
      add_picture(item, MICA_PART_PICTURE);
    }
  }
};

void add_message(Session* session, int role, const py::list& items) {
  Parts message;
  for (const py::handle item : items) message.add(item);
  call(session, [&](mica_session* handle, mica_error* error) {
    const mica_status status = mica_session_add_message(handle, static_cast<mica_role>(role), message.parts.data(),
                                                        message.parts.size(), error);
    if (status == MICA_OK)
      session->borrowed.insert(session->borrowed.end(), message.pictures.begin(), message.pictures.end());
    return status;
  });
}

void add_picture(Session* session, const Picture& picture) {
  call(session, [&](mica_session* handle, mica_error* error) {
    const mica_status status = mica_session_add_picture(handle, picture.handle.get(), error);
    if (status == MICA_OK) session->borrowed.push_back(picture.handle);
    return status;
  });
}

void add_tokens(Session* session, const std::vector<int32_t>& ids, const py::list& items) {
  Parts shown;
  std::vector<const mica_picture*> pictures;
  for (const py::handle item : items) shown.add_picture(item, MICA_PART_PICTURE);
  for (const auto& picture : shown.pictures) pictures.push_back(picture.get());
  call(session, [&](mica_session* handle, mica_error* error) {
    const mica_status status =
        mica_session_add_tokens(handle, ids.data(), ids.size(), pictures.data(), pictures.size(), error);
    if (status == MICA_OK)
      session->borrowed.insert(session->borrowed.end(), shown.pictures.begin(), shown.pictures.end());
    return status;
  });
}

// Between chunks and layers a signal is heard, so that Ctrl-C ends it.
void prefill(Session* session) {
  bool interrupted = false;
  mica_error error{};
  const mica_status status = in_turn(session->room.get(), [&] {
    const mica_status computed = mica_session_prefill(session->handle.get(), hear_signals, &interrupted, &error);
    give_back_computed(session, computed == MICA_OK);
    return computed;
  });
  if (interrupted) throw py::error_already_set();
  require(status, error);
}

void begin(Session* session, const py::dict& wanted) {
  Texts texts;
  mica_sampling sampling = mica_sampling_default();
  set_options(&sampling, wanted, kSampling, &texts);
  call(session, [&](mica_session* handle, mica_error* error) { return mica_session_begin(handle, &sampling, error); });
}

// A step whose text is the session's no more, for when others have their turn.
struct Taken {
  int32_t token;
  std::string text;
  int stop;
  mica_status status;
};
Taken taken(const mica_step& step, mica_status status) {
  if (status != MICA_OK) return {-1, {}, MICA_STOP_NONE, status};
  return {step.token, std::string(step.text, step.text_bytes), step.stop, status};
}

py::tuple step(Session* session) {
  const Taken one = in_turn(session->room.get(), [&] {
    mica_step now{};
    mica_error error{};
    const mica_status status = mica_session_step(session->handle.get(), &now, &error);
    give_back_computed(session, status == MICA_OK);
    require(status, error);
    return taken(now, status);
  });
  return py::make_tuple(one.token, text_of(one.text), one.stop);
}

// Of each: token, text, stop, status. The message is that of the first failure, "" without one.
py::tuple step_together(const std::vector<SessionPointer>& sessions) {
  std::vector<mica_session*> handles;
  for (const SessionPointer& session : sessions) handles.push_back(session->handle.get());
  std::vector<mica_step> steps(handles.size());
  std::vector<mica_status> statuses(handles.size(), MICA_INTERNAL);
  std::vector<Taken> results;
  mica_error error{};
  if (sessions.empty()) return py::make_tuple(py::list(), "");
  in_turn(sessions.front()->room.get(), [&] {
    const mica_status status =
        mica_sessions_step(handles.data(), handles.size(), steps.data(), statuses.data(), &error);
    const bool none_stepped = status != MICA_OK && std::count(statuses.begin(), statuses.end(), MICA_INTERNAL) ==
                                                       static_cast<std::ptrdiff_t>(statuses.size());
    if (none_stepped) require(status, error);
    for (size_t i = 0; i < handles.size(); ++i) {
      give_back_computed(sessions[i].get(), statuses[i] == MICA_OK);
      results.push_back(taken(steps[i], statuses[i]));
    }
  });
  py::list list;
  for (const Taken& each : results)
    list.append(py::make_tuple(each.token, text_of(each.text), each.stop, static_cast<int>(each.status)));
  return py::make_tuple(list, text_of(error.message));
}

// Rows of logits from the oldest that is kept to the newest, where they lie: they are the session's, and change with
// it.
Floats logits(const SessionPointer& session, uint32_t from_end) {
  const float* row = nullptr;
  call(session.get(),
       [&](mica_session* handle, mica_error* error) { return mica_session_logits(handle, from_end, &row, error); });
  ++session->views;
  const std::shared_ptr<const void> keeper(row, [session](const void*) { --session->views; });
  return {keeper, row, {static_cast<py::ssize_t>(mica_model_vocabulary(session->room->model.get()))}};
}

Floats embed(Session* session, const Picture& picture) {
  auto values = std::make_shared<std::vector<float>>();
  mica_embeddings rows{};
  call(session, [&](mica_session* handle, mica_error* error) {
    const mica_status status = mica_session_embed_picture(handle, picture.handle.get(), &rows, error);
    if (status == MICA_OK) values->assign(rows.values, rows.values + size_t{rows.tokens} * rows.width);
    return status;
  });
  return {values, values->data(), {static_cast<py::ssize_t>(rows.tokens), static_cast<py::ssize_t>(rows.width)}};
}

void grow(Session* session, uint32_t context) {
  if (session->views > 0)
    throw py::buffer_error("logits of this session are held; drop them, or copy them, before it grows");
  call(session, [&](mica_session* handle, mica_error* error) { return mica_session_grow(handle, context, error); });
}

void set_schema(Session* session, const std::optional<std::string>& schema) {
  call(session, [&](mica_session* handle, mica_error* error) {
    return mica_session_set_schema(handle, schema ? schema->data() : nullptr, schema ? schema->size() : 0, error);
  });
}

void set_stops(Session* session, const std::vector<std::string>& stops) {
  std::vector<mica_text> texts;
  for (const std::string& stop : stops) texts.push_back({stop.data(), stop.size()});
  call(session, [&](mica_session* handle, mica_error* error) {
    return mica_session_set_stops(handle, texts.data(), texts.size(), error);
  });
}

void use_cache(Session* session, const PictureCache& cache) {
  call(session, [&](mica_session* handle, mica_error* error) {
    return mica_session_set_pictures(handle, cache.handle.get(), error);
  });
  session->cache = cache.handle;
}

uint32_t picture_tokens(Session* session, const Picture& picture) {
  uint32_t tokens = 0;
  call(session, [&](mica_session* handle, mica_error* error) {
    return mica_session_picture_tokens(handle, picture.handle.get(), &tokens, error);
  });
  return tokens;
}

void clear(Session* session) {
  in_turn(session->room.get(), [&] {
    mica_session_clear(session->handle.get());
    session->borrowed.clear();
  });
}

py::dict stats(Session* session) {
  const mica_stats now = in_turn(session->room.get(), [&] { return stats_of(*session); });
  py::dict dict;
  dict["tokens"] = now.tokens;
  dict["tokens_visual"] = now.tokens_visual;
  dict["tokens_waiting"] = now.tokens_waiting;
  dict["tokens_wanted"] = now.tokens_wanted;
  dict["session_bytes"] = now.session_bytes;
  dict["kv_text_bytes"] = now.kv_text_bytes;
  dict["kv_visual_bytes"] = now.kv_visual_bytes;
  dict["pictures"] = now.pictures;
  dict["picture_tokens"] = now.picture_tokens;
  dict["pictures_reduced"] = now.pictures_reduced;
  dict["picture_seconds"] = now.picture_seconds;
  dict["prefill_tokens"] = now.prefill_tokens;
  dict["prefill_seconds"] = now.prefill_seconds;
  dict["decode_tokens"] = now.decode_tokens;
  dict["decode_seconds"] = now.decode_seconds;
  return dict;
}

PictureCache open_cache(const Model& model, size_t bytes_max) {
  return {model.handle, open_handle<app::Pictures>(mica_pictures_create,
                                                   static_cast<const mica_model*>(model.handle.get()), bytes_max)};
}

py::dict cache_stats(const PictureCache& cache) {
  mica_picture_stats now{};
  mica_pictures_stats(cache.handle.get(), &now);
  return py::dict(py::arg("pictures") = now.pictures, py::arg("bytes") = now.bytes,
                  py::arg("bytes_max") = now.bytes_max, py::arg("found") = now.found, py::arg("missed") = now.missed);
}

void bind_rooms(py::module_& module) {
  py::class_<PictureCache>(module, "PictureCache")
      .def(py::init(&open_cache))
      .def("clear", [](const PictureCache& cache) { mica_pictures_clear(cache.handle.get()); })
      .def("stats", cache_stats);
  py::class_<Room, std::shared_ptr<Room>>(module, "Workspace").def(py::init(&open_workspace));
  module.def("step_together", step_together);
}

}  // namespace

mica_session_options session_options(const py::dict& wanted, Texts* texts) {
  mica_session_options options = mica_session_options_default();
  set_options(&options, wanted, kSessionOptions, texts);
  return options;
}

void bind_session(py::module_& module) {
  bind_rooms(module);
  py::class_<Session, SessionPointer>(module, "Session")
      .def(py::init(&open_session))
      .def(py::init(&open_session_within))
      .def("add_message", add_message)
      .def("add_text",
           [](Session* session, const std::string& text, bool special) {
             call(session, [&](mica_session* handle, mica_error* error) {
               return mica_session_add_text(handle, text.data(), text.size(), special, error);
             });
           })
      .def("add_picture", add_picture)
      .def("add_tokens", add_tokens)
      .def("prefill", prefill)
      .def("begin", begin)
      .def("step", step)
      .def("logits", logits)
      .def("embed", embed)
      .def("picture_tokens", picture_tokens)
      .def("set_schema", set_schema)
      .def("set_stops", set_stops)
      .def("use_cache", use_cache)
      .def("grow", grow)
      .def("clear", clear)
      .def("cancel", [](Session* session) { mica_session_cancel(session->handle.get()); })
      .def("save",
           [](Session* session, const std::string& path) {
             call(session, [&](mica_session* handle, mica_error* error) {
               return mica_session_save(handle, path.c_str(), error);
             });
           })
      .def("restore",
           [](Session* session, const std::string& path) {
             call(session, [&](mica_session* handle, mica_error* error) {
               return mica_session_restore(handle, path.c_str(), error);
             });
           })
      .def("stats", stats)
      .def("reset_stats", [](Session* session) {
        in_turn(session->room.get(), [&] { mica_session_stats_reset(session->handle.get()); });
      });
}

}  // namespace mica_python
