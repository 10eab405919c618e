// What may happen while a person is at the prompt: a key, or a signal. Not Ctrl-C during an answer: interrupt.hpp.
#pragma once

#include <csignal>

namespace app {

// While it lives, these signals go through a pipe: whichever thread takes one, and however early, it is not lost.
class PromptSignals {
 public:
  enum class Event { kInput, kLeave, kResized, kContinued };  // kLeave: Ctrl-C, or the terminal goes

  // Throws Failure.
  PromptSignals();
  ~PromptSignals();
  PromptSignals(const PromptSignals&) = delete;
  PromptSignals& operator=(const PromptSignals&) = delete;

  // Waits for standard input to be readable, or for a signal, which comes first.
  Event wait() const;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT};
  static constexpr int kCount = sizeof kSignals / sizeof kSignals[0];

  int ends_[2];
  struct sigaction previous_[kCount] {};
};

}  // namespace app
