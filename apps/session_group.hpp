// Sessions of one workspace, which are stepped together. For measuring; mica run and chat have one session.
#pragma once

#include <vector>

#include "handles.hpp"

namespace app {

class SessionGroup {
 public:
  // `count` sessions of these settings. Throws Failure.
  SessionGroup(const Model& model, const mica_session_options& settings, uint32_t count);

  const std::vector<Session>& sessions() const { return sessions_; }
  // Writes an answer of `tokens` tokens in each, greedily and past its end; all of them are computed.
  void write(uint32_t tokens);
  // Of all sessions together.
  mica_stats stats() const;

 private:
  Workspace workspace_;  // outlives what is in it
  std::vector<Session> sessions_;
};

}  // namespace app
