// Scheduler: the one thread that computes. It owns a workspace and the slots in it, takes jobs from a bounded queue as
// slots become free, and steps all answers that are under way together; a picture goes through its tower in pieces between
// two steps. Not HTTP: it knows questions and jobs.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "slot.hpp"

namespace app::serve {

struct SchedulerOptions {
  mica_session_options session;
  uint32_t slots = 1;
  uint32_t queue_max = 0;  // jobs that wait for a slot
  size_t cache_bytes = 0;  // of encoded pictures
};

class Scheduler {
 public:
  // Throws Failure, with what it would take where there is not enough memory.
  Scheduler(const Model& model, const SchedulerOptions& options);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;

  // From any thread. Throws Refusal: 429 where the queue is full, 503 while the server ends.
  void submit(const std::shared_ptr<Job>& job);
  // Its client has gone: what is computed for it ends within a step.
  void leave(Job& job);

  struct SlotView {
    bool is_busy;
    Counts counts;
  };
  struct Totals {
    uint64_t answers = 0, failures = 0, abandoned = 0;
    uint64_t steps = 0, steps_answers = 0;  // the second: answers in all steps together
    Counts counts;                          // sums
  };
  struct View {
    std::vector<SlotView> slots;
    size_t waiting = 0;
    Totals totals;
    mica_picture_stats pictures{};
    bool is_draining = false;
  };
  View view() const;
  uint32_t context() const { return context_; }  // of each slot, in tokens
  // A text of more bytes is longer than a context, or than a text may be.
  size_t text_bytes_max() const { return text_bytes_max_; }
  size_t bytes() const { return bytes_; }

  // Takes no more jobs.
  void drain();
  bool is_idle() const;
  // Ends what is under way, whose clients are told, and the thread.
  void stop();

 private:
  void run();
  bool wait_for_work();
  void drop_left();
  void admit();
  std::shared_ptr<Job> take_job(Slot** slot);
  void start(const std::shared_ptr<Job>& job, Slot* slot);
  void tell_count(Job& job);
  Slot* slot_for(const Question& question) const;
  bool is_busy(const Slot& slot) const { return &slot == starting_ || !slot.is_free(); }
  Slot* first_apart() const;
  bool read();
  void step();
  void fail(Slot& slot, mica_status status, const char* message);
  void add_totals(const Counts& counts);
  void end_all();

  const mica_model* model_;
  SchedulerOptions options_;
  uint32_t context_ = 0;
  size_t bytes_ = 0, text_bytes_max_ = 0;
  Pictures pictures_;
  Workspace workspace_;
  SlotRoom room_{};
  uint64_t clock_ = 0;
  std::chrono::steady_clock::duration step_time_{};  // of the newest

  // Of all below. Slots are changed by the thread alone, under it, but for the one that begins: reading a text takes long.
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::deque<std::shared_ptr<Job>> queue_;
  bool starts_ = false;       // a job that is in no queue any more
  Slot* starting_ = nullptr;  // for an answer
  Totals totals_;
  bool drains_ = false, stops_ = false;
  std::thread thread_;
};

}  // namespace app::serve
