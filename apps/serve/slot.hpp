// Slot: one session of the server's, the conversation that it holds, and the job that it answers. Used by the thread
// that computes alone (scheduler.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "job.hpp"

namespace app::serve {

// What all slots share.
struct SlotRoom {
  const mica_model* model;
  mica_workspace* workspace;
  mica_pictures* pictures;
  mica_session_options settings;
};

// Adds what the question says to a session, of its turns those from `first` on. Throws Failure.
void add_question(mica_session* session, const Question& question, size_t first);

// How many tokens it is, by a session of its own, whose memory is hardly touched. Throws Failure.
uint32_t count_tokens(const SlotRoom& room, const Question& question);

class Slot {
 public:
  // Throws Failure.
  explicit Slot(const SlotRoom& room);

  mica_session* session() const { return session_.get(); }
  const std::shared_ptr<Job>& job() const { return job_; }
  bool is_free() const { return job_ == nullptr; }
  uint64_t used() const { return used_; }  // larger: later
  // Its prompt is read in pieces, between the steps of others: it cannot join one, or would hold it up.
  bool reads_apart();
  const Counts& counts() const { return counts_; }
  // Turns of the question that it need not read again: those of a conversation that it holds with its last answer.
  size_t turns_held(const Question& question) const;

  // Begins to answer. Throws Failure; then it is free and empty.
  void begin(std::shared_ptr<Job> job, uint64_t now);
  // What a step of its session gave; true when that was the last.
  bool take(const mica_step& step);
  // The answer is over, because of `stop` or of a failure; it is free then.
  void end(mica_stop stop);
  void fail(const Refusal& refusal);
  // Nobody listens any more.
  void abandon();

 private:
  void open();
  void forget();
  void read(const Question& question);
  uint32_t waiting() const;  // tokens
  void count();
  bool reads_as_chosen();
  Piece piece_of(const mica_step& step) const;

  const SlotRoom& room_;
  Session session_;
  std::shared_ptr<Job> job_;
  uint64_t used_ = 0;
  std::vector<std::string> held_;  // a key for each turn of the conversation
  bool has_stops_ = false;         // of a request: the model's come back with a new session only
  std::string schema_;             // that the session keeps
  bool is_long_ = false;           // the prompt, and not read to its end
  bool has_read_ = false;          // the prompt
  std::string answer_;
  std::vector<int32_t> chosen_;  // its tokens
  std::optional<bool> blank_;    // of the model's turns: one stands before an answer; empty: not asked yet
  Counts counts_;
};

}  // namespace app::serve
