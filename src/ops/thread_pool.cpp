// ThreadPool: making threads, and how they meet. Not what they work on.
//
// All that caller and workers agree on is one word, gate_: how many workers are inside, whether the job is open,
// whether the pool ends, and the job's number. A worker joins an open job by adding itself, atomically with the look
// whether it is still open. The caller works too, and once no task is left it closes the job and waits for those inside alone: a
// worker that sleeps, or that a busy machine does not run, holds nobody up.
#include "thread_pool.hpp"

#include "processors.hpp"
#include "signals_held.hpp"

namespace mica {
namespace {

constexpr uint32_t kInsideMask = 0x3ff;  // more than limits::kThreadsMax
constexpr uint32_t kOpen = 0x400;
constexpr uint32_t kStop = 0x800;
constexpr uint32_t kJobUnit = 0x1000;  // above it the job's number; when it wraps, a worker at most sits out one job
static_assert(limits::kThreadsMax <= kInsideMask);

constexpr uint32_t job_of(uint32_t gate) { return gate / kJobUnit; }

// How often a waiting thread looks before it sleeps: some tens of microseconds, a hundred where a pause is long. Waking
// one takes as long, and between two jobs of a layer less passes. With a fifth of it a thread slept 40 times a token of
// SmolLM2-135M, whose layers do more between their products, and two threads wrote a tenth slower. Where there are more
// threads than processors it sleeps at once: looking would take the time of the thread that it waits for.
constexpr uint32_t kSpins = 2000;

constexpr size_t kStackBytes = 1u << 20;  // kernels keep tables of some kilobytes there; libraries below them too

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");  // some ten nanoseconds; `yield` does nothing on most processors
#endif
}

// Counts the forks between this process and the first: the child has none of its parent's threads but the one that
// forked.
std::atomic<uint64_t> g_process{0};

void watch_forks() {
  static const int watching = pthread_atfork(nullptr, nullptr, [] { g_process.fetch_add(1); });
  static_cast<void>(watching);
}

}  // namespace

ThreadPool::~ThreadPool() { end_workers(); }

bool ThreadPool::resize(uint32_t threads) {
  end_workers();
  return make_workers(threads > 1 ? threads - 1 : 0);
}

bool ThreadPool::make_workers(uint32_t count) {
  watch_forks();
  process_ = g_process.load();
  wanted_ = count;
  workers_ = 0;
  gate_.store(0);
  // Without workers nobody waits, and nothing is read to find out: a device may have no files.
  spins_ = count != 0 && count < available_processors() ? kSpins : 0;
  if (count == 0) return true;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, kStackBytes);
  const SignalsHeld inherited;  // signals are for the program's own threads
  for (; workers_ < count; ++workers_) {
    Worker& worker = worker_[workers_];
    worker.pool = this;
    worker.thread = static_cast<int>(workers_) + 1;
    if (pthread_create(&worker.handle, &attributes, start_worker, &worker) != 0) break;
  }
  pthread_attr_destroy(&attributes);
  return workers_ == count;
}

void ThreadPool::end_workers() {
  const bool here = process_ == g_process.load();
  gate_.fetch_or(kStop);
  gate_.notify_all();
  use(limits::kThreadsMax);
  for (uint32_t i = 0; here && i < workers_; ++i) pthread_join(worker_[i].handle, nullptr);
  workers_ = 0;
}

void* ThreadPool::start_worker(void* worker) {
  const auto* self = static_cast<const Worker*>(worker);
  self->pool->work_until_stopped(self->thread);
  return nullptr;
}

void ThreadPool::work_until_stopped(int thread) {
  uint32_t seen = 0;  // the last job that this worker had to do with; the first one has the number 1
  while (enter_open_job(thread, &seen)) {
    do_tasks(thread);
    leave_job();
  }
}

// Waits for a job other than `seen` and joins it; false when the pool ends.
bool ThreadPool::enter_open_job(int thread, uint32_t* seen) {
  uint32_t spins = 0;
  uint32_t gate = gate_.load(std::memory_order_acquire);
  while (!(gate & kStop)) {
    const uint32_t used = used_.load(std::memory_order_relaxed);
    if (static_cast<uint32_t>(thread) >= used) {
      used_.wait(used, std::memory_order_relaxed);
      gate = gate_.load(std::memory_order_acquire);
      continue;
    }
    if ((gate & kOpen) && job_of(gate) != *seen) {
      if (!gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire)) continue;
      *seen = job_of(gate);
      return true;
    }
    if (spins++ < spins_) {
      pause();
    } else {
      gate_.wait(gate, std::memory_order_acquire);
      spins = 0;
    }
    gate = gate_.load(std::memory_order_acquire);
  }
  return false;
}

void ThreadPool::use(uint32_t threads) {
  if (used_.exchange(threads) != threads) used_.notify_all();
}

void ThreadPool::do_tasks(int thread) {
  for (;;) {
    const size_t task = next_task_.fetch_add(1, std::memory_order_relaxed);
    if (task >= job_.tasks) return;
    job_.function(job_.body, task, thread);
  }
}

void ThreadPool::leave_job() {
  const uint32_t gate = gate_.fetch_sub(1, std::memory_order_acq_rel);
  if ((gate & kInsideMask) != 1 || (gate & kOpen)) return;
  finished_.store(1, std::memory_order_release);
  finished_.notify_one();
}

// Nobody joins any more; returns when nobody is inside.
void ThreadPool::finish_job() {
  const uint32_t gate = gate_.fetch_and(~kOpen, std::memory_order_acq_rel);
  if ((gate & kInsideMask) == 0) return;
  for (uint32_t spins = 0; finished_.load(std::memory_order_acquire) == 0;) {
    if (spins++ < spins_)
      pause();
    else
      finished_.wait(0, std::memory_order_acquire);
  }
}

void ThreadPool::run(size_t tasks, TaskFunction function, const void* body) {
  if (wanted_ > 0 && process_ != g_process.load(std::memory_order_relaxed)) make_workers(wanted_);
  if (workers_ == 0 || tasks <= 1 || used_.load(std::memory_order_relaxed) <= 1) {
    for (size_t task = 0; task < tasks; ++task) function(body, task, 0);
    return;
  }
  job_ = {function, body, tasks};
  next_task_.store(0, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  const uint32_t job = job_of(gate_.load(std::memory_order_relaxed)) + 1;
  gate_.store(job * kJobUnit | kOpen, std::memory_order_release);
  gate_.notify_all();
  do_tasks(0);
  finish_job();
}

}  // namespace mica
