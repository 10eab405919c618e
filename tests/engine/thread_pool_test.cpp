// ThreadPool: every task once, sleep in between, fewer threads than wanted, processes that fork.
#include "thread_pool.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "compute.hpp"
#include "run_in_child.hpp"

using namespace mica;

namespace {

// How often each task was done, or nothing when a thread was told a number that is none of the pool's.
std::vector<int> times_done(ThreadPool& pool, size_t tasks) {
  std::vector<std::atomic<int>> done(tasks);
  std::atomic<bool> known{true};
  const Compute compute{.pool = &pool};
  parallel_for(compute, tasks, [&](size_t task, int thread) {
    if (thread < 0 || static_cast<uint32_t>(thread) >= pool.size()) known = false;
    done[task].fetch_add(1);
  });
  return known ? std::vector<int>(done.begin(), done.end()) : std::vector<int>();
}

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Both threads of a pair must be inside to get through.
bool meet(ThreadPool& pair) {
  std::atomic<int> inside{0};
  const Compute compute{.pool = &pair};
  parallel_for(compute, 2, [&](size_t, int) {
    inside.fetch_add(1);
    while (inside.load() < 2) std::this_thread::yield();
  });
  return inside == 2;
}

}  // namespace

TEST_CASE("every task is done once, whatever the number of threads and of tasks") {
  for (const uint32_t threads : {1u, 2u, 3u, 7u}) {
    ThreadPool pool(threads);
    CAPTURE(threads);
    REQUIRE(pool.size() == threads);
    for (const size_t tasks : {0u, 1u, 2u, 3u, 100u}) CHECK(times_done(pool, tasks) == std::vector<int>(tasks, 1));
  }
}

TEST_CASE("many short jobs follow each other, with and without pauses in which the threads fall asleep") {
  ThreadPool pool(3);
  int wrong = 0;
  for (int i = 0; i < 5000; ++i) {
    wrong += times_done(pool, 4) != std::vector<int>(4, 1);
    if (i % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CHECK(wrong == 0);
}

TEST_CASE("scratch is a thread's own: two threads are never told the same number at once") {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> users(4);
  std::atomic<int> clashes{0};
  const Compute compute{.pool = &pool};
  parallel_for(compute, 2000, [&](size_t, int thread) {
    if (users[static_cast<size_t>(thread)].fetch_add(1) != 0) clashes.fetch_add(1);
    users[static_cast<size_t>(thread)].fetch_sub(1);
  });
  CHECK(clashes == 0);
}

TEST_CASE("threads that wait take no processor's time") {
  ThreadPool pool(4);
  times_done(pool, 100);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double before = processor_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(processor_seconds() - before < 0.03);
}

TEST_CASE("where the system gives no more threads, those that are there do the work") {
  CHECK(run_as_nobody([] {
          const rlimit none{1, 1};
          if (setrlimit(RLIMIT_NPROC, &none) != 0) return 2;
          ThreadPool pool;
          if (pool.resize(8) || pool.size() >= 8) return 3;
          return times_done(pool, 50) == std::vector<int>(50, 1) ? 0 : 4;
        }) == 0);
}

TEST_CASE("in a forked process the threads are made again, and the parent's go on") {
  ThreadPool pool(2);
  REQUIRE(meet(pool));
  CHECK(run_in_child([&] { return meet(pool) ? 0 : 1; }) == 0);
  CHECK(meet(pool));
}

TEST_CASE("a pool may be left in a forked process without having worked there") {
  auto pool = std::make_unique<ThreadPool>(3);
  CHECK(run_in_child([&] {
          pool.reset();
          return 0;
        }) == 0);
}

TEST_CASE("a pool can be made anew with another number of threads") {
  ThreadPool pool(2);
  CHECK(pool.resize(5));
  CHECK(pool.size() == 5);
  CHECK(times_done(pool, 30) == std::vector<int>(30, 1));
  CHECK(pool.resize(1));
  CHECK(times_done(pool, 30) == std::vector<int>(30, 1));
}

TEST_CASE("signals are left to the program's own threads") {
  static std::atomic<int> elsewhere{0};
  static const pthread_t own = pthread_self();
  elsewhere = 0;
  struct sigaction action {}, before {};
  action.sa_handler = [](int) {
    if (!pthread_equal(pthread_self(), own)) elsewhere.fetch_add(1);
  };
  sigaction(SIGUSR1, &action, &before);
  ThreadPool pool(4);
  // Blocked here, a signal to the process would be handled by any thread that lets it in.
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, &old);
  kill(getpid(), SIGUSR1);
  times_done(pool, 1000);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  sigaction(SIGUSR1, &before, nullptr);
  CHECK(elsewhere == 0);
}
