// ThreadPool: the threads of one session, made once, that work on the tasks of one call at a time and sleep in between.
// Not a scheduler: tasks are independent and known beforehand. Why not OpenMP: its threads spin for milliseconds while
// they wait, which a library can change neither for GCC's nor for LLVM's (the environment is read when the process
// starts), and its end is the program's end where a thread cannot be made.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "limits.hpp"

namespace mica {

class ThreadPool {
 public:
  // One task: which, and by which of the size() threads it is done.
  using TaskFunction = void (*)(const void* body, size_t task, int thread);

  ThreadPool() = default;
  explicit ThreadPool(uint32_t threads) { resize(threads); }
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Makes so many threads anew, the calling one counted; false when the system gave fewer (a limit of processes, of
  // memory): size() says how many. What was had is kept, so that run() never needs a thread which it might not get.
  bool resize(uint32_t threads);
  uint32_t size() const { return workers_ + 1; }
  // How many of them the next runs are for, at least one; the others sleep without being woken. Not during a run.
  void use(uint32_t threads);

  // Calls function(body, task, thread) for every task in [0, tasks), handed out one by one; the calling thread is thread
  // 0. By one caller at a time, and not from a task. In a process that was forked the threads are made again first.
  void run(size_t tasks, TaskFunction function, const void* body);

 private:
  struct Job {
    TaskFunction function;
    const void* body;
    size_t tasks;
  };
  struct Worker {
    ThreadPool* pool;
    int thread;
    pthread_t handle;
  };

  static void* start_worker(void* worker);
  bool make_workers(uint32_t count);
  void end_workers();
  void work_until_stopped(int thread);
  bool enter_open_job(int thread, uint32_t* seen);
  void do_tasks(int thread);
  void leave_job();
  void finish_job();

  uint32_t workers_ = 0;
  uint32_t wanted_ = 0;  // workers
  uint32_t spins_ = 0;
  uint64_t process_ = 0;  // which of a family of forked processes the workers belong to
  Job job_{};
  Worker worker_[limits::kThreadsMax - 1];

  // In lines of their own, as every thread writes to them. gate_: see thread_pool.cpp. finished_: 1 once the last worker
  // has left a job that was closed while it was inside.
  alignas(64) std::atomic<uint32_t> gate_{0};
  std::atomic<uint32_t> used_{limits::kThreadsMax};  // workers of a lower number than this take part
  alignas(64) std::atomic<size_t> next_task_{0};
  alignas(64) std::atomic<uint32_t> finished_{0};
};

}  // namespace mica
