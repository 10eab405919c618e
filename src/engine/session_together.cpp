// Session: a step of several answers at once. What of it is computed together: batch.hpp.
#include "clock.hpp"
#include "limits.hpp"
#include "session.hpp"

namespace mica {

// What is to be computed next before a token can be chosen; false when that is nothing.
bool Session::next_share(Batch::Share* share) {
  if (!outcome_.status || sequence_.pending() == 0) return false;
  if (!sequence_.token_waits() && answer_.is_over()) return false;
  *share = {&sequence_, sequence_.token_waits() ? sequence_.behind_waiting_token() : sequence_.mark()};
  return true;
}

void Session::count_share(const Batch::Share& share, double seconds) {
  const auto count = static_cast<uint32_t>(share.until.end - sequence_.computed().end);
  (sequence_.token_waits() ? stats().decode_tokens : stats().prefill_tokens) += count;
  (sequence_.token_waits() ? stats().decode_seconds : stats().prefill_seconds) += seconds;
  settle(share.until);
}

// Rounds of what can join, at most two for each session: the token that waits, then a prompt.
void Session::compute_together(std::span<Session* const> sessions) {
  Batch::Share shares[limits::kSessionsTogetherMax];
  Session* owners[limits::kSessionsTogetherMax];
  Workspace* workspace = sessions.front()->workspace_;
  Batch batch(workspace);
  for (;;) {
    size_t count = 0, rows = 0, computed[limits::kSessionsTogetherMax];
    for (Session* session : sessions) {
      Batch::Share share;
      if (!session->next_share(&share) || !session->can_join(share)) continue;
      if (rows + share.count() > workspace->options().batch) continue;
      if (!session->sequence_.token_waits()) session->outcome_.status = session->work_.check_cancelled();
      if (!session->outcome_.status) {
        session->take_back();
        session->answer_.forget();
        continue;
      }
      rows += computed[count] = share.count();
      owners[count] = session;
      shares[count++] = share;
    }
    if (count == 0) return;
    const double start = now_seconds();
    const Status status = batch.run_together({shares, count});
    const double row_seconds = (now_seconds() - start) / static_cast<double>(rows);
    for (size_t i = 0; i < count; ++i) {
      if (status) owners[i]->count_share(shares[i], row_seconds * static_cast<double>(computed[i]));
      else owners[i]->outcome_.status = status;
    }
    if (!status) return;
  }
}

void Session::step_together(std::span<Session* const> sessions) {
  for (Session* session : sessions) {
    session->outcome_ = {};
    if (!session->answer_.has_begun())
      session->outcome_.status = Status::error(Code::invalid_argument, "no answer has begun");
  }
  compute_together(sessions);
  for (Session* session : sessions) {
    Outcome& outcome = session->outcome_;
    if (outcome.status) outcome.status = session->compute_prompt();
    if (outcome.status) outcome.status = session->choose(&outcome.step);
  }
}

}  // namespace mica
