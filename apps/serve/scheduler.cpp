// The thread that computes, see scheduler.hpp.
#include "scheduler.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "limits.hpp"
#include "terminal.hpp"
#include "tokens.hpp"

namespace app::serve {
namespace {

const Refusal kEnding(503, "the server is ending; ask again later");

// One eighth is kept free, as for every session (mica.h).
void require_memory(size_t bytes, const SchedulerOptions& options, uint32_t context) {
  const uint64_t available = mica_memory_available();
  if (bytes <= available - available / 8) return;
  throw Failure(std::to_string(options.slots) + " answers at once of " + std::to_string(context) +
                    " tokens each take " + format_bytes(bytes) + ", and this process may take " +
                    format_bytes(available) +
                    " more, of which an eighth is kept free: a smaller -np, -c, -b or "
                    "--cache-bytes takes less",
                MICA_OUT_OF_MEMORY);
}

}  // namespace

Scheduler::Scheduler(const Model& model, const SchedulerOptions& options) : model_(model.get()), options_(options) {
  const auto session = nlohmann::json::parse(describe(mica_session_describe, model_, &options_.session));
  context_ = session["context"].get<uint32_t>();
  options_.session.context = context_;
  mica_error error{};
  size_t workspace_bytes = 0, session_bytes = 0;
  require(mica_workspace_size(model_, &options_.session, options.slots, &workspace_bytes, &error), error);
  require_memory(workspace_bytes, options_, context_);
  workspace_ =
      open_handle<Workspace>(mica_workspace_create, model_, &options_.session, options.slots, nullptr, size_t{0});
  require(mica_workspace_session_size(workspace_.get(), &options_.session, &session_bytes, &error), error);
  if (const mica_tokenizer* tokenizer = mica_model_tokenizer(model_))
    text_bytes_max_ = std::min(kTextBytesMax, context_ * longest_token(tokenizer));
  bytes_ = workspace_bytes + options.slots * session_bytes + options.cache_bytes;
  require_memory(bytes_, options_, context_);
  pictures_ = open_handle<Pictures>(mica_pictures_create, model_, options.cache_bytes);
  room_ = {model_, workspace_.get(), pictures_.get(), options_.session};
  for (uint32_t i = 0; i < options.slots; ++i) slots_.push_back(std::make_unique<Slot>(room_));
  thread_ = std::thread([this] { run(); });
}

Scheduler::~Scheduler() { stop(); }

void Scheduler::submit(const std::shared_ptr<Job>& job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (drains_) throw kEnding;
  const auto free = std::count_if(slots_.begin(), slots_.end(), [this](const auto& slot) { return !is_busy(*slot); });
  if (queue_.size() >= options_.queue_max + static_cast<size_t>(free))
    throw Refusal(429, "all " + std::to_string(options_.slots) + " places answer and " + std::to_string(queue_.size()) +
                           " requests wait: ask again later");
  queue_.push_back(job);
  work_.notify_one();
}

void Scheduler::leave(Job& job) {
  job.leave();
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<Slot>& slot : slots_)
    if (slot.get() != starting_ && slot->job().get() == &job) mica_session_cancel(slot->session());
  work_.notify_one();
}

Scheduler::View Scheduler::view() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  View view;
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot.get() == starting_) view.slots.push_back({true, {}});
    else view.slots.push_back({!slot->is_free(), slot->counts()});
  }
  view.waiting = queue_.size();
  view.totals = totals_;
  view.is_draining = drains_;
  mica_pictures_stats(pictures_.get(), &view.pictures);
  return view;
}

void Scheduler::drain() {
  const std::lock_guard<std::mutex> lock(mutex_);
  drains_ = true;
}

bool Scheduler::is_idle() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<Slot>& slot : slots_)
    if (is_busy(*slot)) return false;
  return queue_.empty() && !starts_;
}

void Scheduler::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    drains_ = stops_ = true;
    for (const std::unique_ptr<Slot>& slot : slots_)
      if (slot.get() != starting_) mica_session_cancel(slot->session());
    work_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

// ---- the thread -----------------------------------------------------------------------------------------------------

void Scheduler::run() {
  while (wait_for_work()) {
    drop_left();
    admit();
    if (read()) step();
  }
  end_all();
}

bool Scheduler::wait_for_work() {
  std::unique_lock<std::mutex> lock(mutex_);
  work_.wait(lock, [&] {
    if (stops_ || !queue_.empty()) return true;
    for (const std::unique_ptr<Slot>& slot : slots_)
      if (!slot->is_free()) return true;
    return false;
  });
  return !stops_;
}

void Scheduler::drop_left() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot->is_free() || !slot->job()->is_left()) continue;
    add_totals(slot->counts());
    slot->abandon();
    ++totals_.abandoned;
  }
  totals_.abandoned += std::erase_if(queue_, [](const std::shared_ptr<Job>& job) { return job->is_left(); });
}

// As many as there is room for; behind one that took long, the others have their steps first.
void Scheduler::admit() {
  for (size_t text_bytes = 0; text_bytes <= kTextBytesAtOnce;) {
    Slot* slot = nullptr;
    const std::shared_ptr<Job> job = take_job(&slot);
    if (job == nullptr) return;
    text_bytes += job->question.text_bytes();
    start(job, slot);
  }
}

// Null where none can be begun. Meanwhile others may add to the queue, and do nothing else to it.
std::shared_ptr<Job> Scheduler::take_job(Slot** slot) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (queue_.empty()) return nullptr;
  const std::shared_ptr<Job> job = queue_.front();
  lock.unlock();
  if (job->question.work == Work::answer && (*slot = slot_for(job->question)) == nullptr) return nullptr;
  lock.lock();
  queue_.pop_front();
  starts_ = true;
  starting_ = *slot;
  return job;
}

// The free slot that holds most of the conversation, else the one that was not used for longest.
Slot* Scheduler::slot_for(const Question& question) const {
  Slot* best = nullptr;
  size_t most = 0;
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (!slot->is_free()) continue;
    const size_t held = slot->turns_held(question);
    if (best == nullptr || held > most || (held == most && slot->used() < best->used())) best = slot.get();
    most = std::max(most, held);
  }
  return best;
}

// Without the lock: nobody waits for a text that is read.
void Scheduler::start(const std::shared_ptr<Job>& job, Slot* slot) {
  std::optional<Refusal> refusal;
  try {
    if (slot != nullptr) slot->begin(job, ++clock_);
    else tell_count(*job);
  } catch (const Failure& failure) {
    refusal = refusal_of(failure.status(), failure.what());
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  starts_ = false;
  starting_ = nullptr;
  if (!refusal) return;
  ++totals_.failures;
  job->end({MICA_STOP_END, refusal, {}});
}

void Scheduler::tell_count(Job& job) {
  Ending ending;
  ending.counts.prompt_tokens = count_tokens(room_, job.question);
  job.end(std::move(ending));
}

// Of the slots whose prompts do not join a step of others, the one that came first.
Slot* Scheduler::first_apart() const {
  Slot* first = nullptr;
  for (const std::unique_ptr<Slot>& slot : slots_)
    if (!slot->is_free() && slot->reads_apart() && (first == nullptr || slot->used() < first->used()))
      first = slot.get();
  return first;
}

// A piece of a picture or of a prompt, and more for as long as the others had for their step: so half of the time
// is theirs. False where that failed.
bool Scheduler::read() {
  const auto until = std::chrono::steady_clock::now() + step_time_;
  do {
    Slot* slot = first_apart();
    if (slot == nullptr) return true;
    mica_error error{};
    if (mica_session_prefill_piece(slot->session(), &error) == MICA_OK) continue;
    const std::lock_guard<std::mutex> lock(mutex_);
    fail(*slot, error.status, error.message);
    return false;
  } while (std::chrono::steady_clock::now() < until);
  return true;
}

// Unless its client left, or all are told that the server ends.
void Scheduler::fail(Slot& slot, mica_status status, const char* message) {
  if (slot.job()->is_left() || (status == MICA_CANCELLED && stops_)) return;
  slot.fail(refusal_of(status, message));
  ++totals_.failures;
}

void Scheduler::step() {
  std::vector<Slot*> stepped;
  std::vector<mica_session*> sessions;
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot->is_free() || slot->reads_apart()) continue;
    stepped.push_back(slot.get());
    sessions.push_back(slot->session());
  }
  step_time_ = {};
  if (stepped.empty()) return;
  const auto start = std::chrono::steady_clock::now();
  std::vector<mica_step> steps(stepped.size());
  std::vector<mica_status> statuses(stepped.size());
  mica_error error{};
  mica_sessions_step(sessions.data(), sessions.size(), steps.data(), statuses.data(), &error);
  step_time_ = std::chrono::steady_clock::now() - start;
  const std::lock_guard<std::mutex> lock(mutex_);
  ++totals_.steps;
  totals_.steps_answers += stepped.size();
  for (size_t i = 0; i < stepped.size(); ++i) {
    Slot& slot = *stepped[i];
    if (statuses[i] != MICA_OK) {
      fail(slot, statuses[i], statuses[i] == error.status ? error.message : mica_status_name(statuses[i]));
    } else if (!slot.job()->is_left() && slot.take(steps[i])) {
      add_totals(slot.counts());
      ++totals_.answers;
    }
  }
}

void Scheduler::add_totals(const Counts& counts) {
  totals_.counts.prompt_tokens += counts.prompt_tokens - counts.cached_tokens;
  totals_.counts.cached_tokens += counts.cached_tokens;
  totals_.counts.answer_tokens += counts.answer_tokens;
  totals_.counts.pictures += counts.pictures;
  totals_.counts.picture_seconds += counts.picture_seconds;
  totals_.counts.prompt_seconds += counts.prompt_seconds;
  totals_.counts.answer_seconds += counts.answer_seconds;
}

void Scheduler::end_all() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<Slot>& slot : slots_)
    if (!slot->is_free()) slot->fail(kEnding);
  for (const std::shared_ptr<Job>& job : queue_) job->end({MICA_STOP_END, kEnding, {}});
  queue_.clear();
}

}  // namespace app::serve
