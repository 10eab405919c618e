// Sessions of one workspace, see session_group.hpp.
#include "session_group.hpp"

namespace app {

SessionGroup::SessionGroup(const Model& model, const mica_session_options& settings, uint32_t count)
    : workspace_(open_handle<Workspace>(mica_workspace_create, static_cast<const mica_model*>(model.get()), &settings,
                                        count, nullptr, size_t{0})) {
  for (uint32_t i = 0; i < count; ++i)
    sessions_.push_back(
        open_handle<Session>(mica_workspace_session_create, workspace_.get(), &settings, nullptr, size_t{0}));
}

void SessionGroup::write(uint32_t tokens) {
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0;
  sampling.tokens_max = tokens;
  sampling.ignore_end = 1;
  mica_error error{};
  std::vector<mica_session*> sessions;
  for (const Session& session : sessions_) {
    require(mica_session_begin(session.get(), &sampling, &error), error);
    sessions.push_back(session.get());
  }
  std::vector<mica_step> steps(sessions.size());
  // The step behind the last token computes it.
  for (uint32_t i = 0; i <= tokens; ++i)
    require(mica_sessions_step(sessions.data(), sessions.size(), steps.data(), nullptr, &error), error);
}

mica_stats SessionGroup::stats() const {
  mica_stats sum{};
  for (const Session& session : sessions_) {
    mica_stats own{};
    mica_session_stats(session.get(), &own);
    sum.decode_tokens += own.decode_tokens;
    sum.decode_seconds += own.decode_seconds;
    sum.kv_text_bytes += own.kv_text_bytes;
    sum.kv_visual_bytes += own.kv_visual_bytes;
  }
  return sum;
}

}  // namespace app
