// Ctrl-C, see interrupt.hpp.
#include "interrupt.hpp"

#include <atomic>

namespace app {
namespace {

std::atomic<mica_session*> answering{nullptr};
// Asked for by other threads than the one that the handler runs in.
std::atomic<int> interrupts{0}, first_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

void on_interrupt(int signal) {
  mica_session* session = answering.load();
  if (interrupts.fetch_add(1) == 0) {
    first_signal = signal;
    if (session != nullptr) mica_session_cancel(session);
    return;
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // delivered when this handler returns
}

}  // namespace

Interrupt::Interrupt(mica_session* session, std::initializer_list<int> signals) {
  interrupts = 0;
  first_signal = 0;
  answering = session;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  for (const int signal : signals) {
    previous_.push_back({signal, {}});
    sigaction(signal, &action, &previous_.back().action);
  }
}

Interrupt::~Interrupt() {
  for (const Previous& previous : previous_) sigaction(previous.signal, &previous.action, nullptr);
  answering = nullptr;
}

void Interrupt::answer_in(mica_session* session) { answering = session; }

bool Interrupt::requested() { return interrupts != 0; }

int Interrupt::signal() { return first_signal; }

}  // namespace app
