// Ctrl-C, see interrupt.hpp.
#include "interrupt.hpp"

#include <atomic>

namespace app {
namespace {

std::atomic<mica_session*> answering{nullptr};
volatile std::sig_atomic_t interrupts = 0;

void on_interrupt(int signal) {
  mica_session* session = answering.load();
  interrupts = interrupts + 1;
  if (interrupts == 1) {
    if (session != nullptr) mica_session_cancel(session);
    return;
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // delivered when this handler returns
}

}  // namespace

Interrupt::Interrupt(mica_session* session) {
  interrupts = 0;
  answering = session;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, &previous_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &previous_, nullptr);
  answering = nullptr;
}

bool Interrupt::requested() { return interrupts != 0; }

}  // namespace app
