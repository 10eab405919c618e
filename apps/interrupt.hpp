// Ctrl-C while something is computed: the first stops it, the second ends the program. At a prompt: line_input.hpp.
// One at a time: signals belong to the process.
#pragma once

#include <csignal>

#include "handles.hpp"

namespace app {

constexpr int kExitInterrupted = 130;  // 128 + SIGINT, as shells report it

// While it lives, the first Ctrl-C cancels what `session` computes, or, without one, is only noted; the second ends the
// program, as everywhere else.
class Interrupt {
 public:
  explicit Interrupt(mica_session* session = nullptr);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Since the newest one was made.
  static bool requested();

 private:
  struct sigaction previous_ {};
};

}  // namespace app
