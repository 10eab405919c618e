// Ctrl-C, see interrupt.hpp.
#include "interrupt.hpp"

#include <atomic>

namespace app {
namespace {

std::atomic<mica_session*> answering{nullptr};
volatile std::sig_atomic_t interrupts = 0;
volatile std::sig_atomic_t first_signal = 0;

void on_interrupt(int signal) {
  mica_session* session = answering.load();
  interrupts = interrupts + 1;
  if (interrupts == 1) {
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
