// Signals while mica computes: whose stack their handlers run on. Not how a session is cancelled: session_test.cpp.
#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/time.h>

#include <atomic>
#include <csignal>

#include "golden.hpp"

using namespace mica::test;

namespace {

uintptr_t g_stack_begin, g_stack_end;
std::atomic<int> g_on_the_stack, g_elsewhere;

void find_stack() {
  pthread_attr_t attributes;
  void* begin = nullptr;
  size_t bytes = 0;
  REQUIRE(pthread_getattr_np(pthread_self(), &attributes) == 0);
  REQUIRE(pthread_attr_getstack(&attributes, &begin, &bytes) == 0);
  pthread_attr_destroy(&attributes);
  g_stack_begin = reinterpret_cast<uintptr_t>(begin);
  g_stack_end = g_stack_begin + bytes;
}

__attribute__((no_sanitize("address"))) void look_at_the_stack(int) {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  ++(here >= g_stack_begin && here < g_stack_end ? g_on_the_stack : g_elsewhere);
}

// Runs a handler again and again, each time that the process has computed for a millisecond more.
class Timer {
 public:
  explicit Timer(void (*handler)(int)) {
    std::signal(SIGVTALRM, handler);
    const itimerval timer = {{0, 1000}, {0, 1000}};
    REQUIRE(setitimer(ITIMER_VIRTUAL, &timer, nullptr) == 0);
  }
  ~Timer() {
    const itimerval none = {};
    setitimer(ITIMER_VIRTUAL, &none, nullptr);
    std::signal(SIGVTALRM, SIG_DFL);
  }
};

}  // namespace

// Kernels of oneDNN use the stack pointer as a register; a handler there would write over the heap.
TEST_CASE("handlers of signals run on the stack of the thread that they interrupt") {
  mica_model* model = open_golden("llama");
  const std::vector<GoldenCase> cases = golden_cases("llama");
  mica_session* session = make_session(model, 0, 1, 200);
  find_stack();
  {
    const Timer timer(look_at_the_stack);
    while (g_on_the_stack + g_elsewhere < 100) {
      mica_session_clear(session);
      add_prompt(session, cases[0]);
    }
  }
  CHECK(g_elsewhere == 0);
  mica_session_free(session);
  mica_model_close(model);
}
