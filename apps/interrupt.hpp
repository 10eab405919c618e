// Ctrl-C while something is computed: the first stops it, the second ends the program. At a prompt: line_input.hpp.
// One at a time: signals belong to the process.
#pragma once

#include <csignal>
#include <initializer_list>
#include <vector>

#include "handles.hpp"

namespace app {

constexpr int kExitInterrupted = 130;  // 128 + SIGINT, as shells report it

// While it lives, the first Ctrl-C cancels what `session` computes, or, without one, is only noted; the second ends the
// program, as everywhere else.
class Interrupt {
 public:
  // `signals`: which of SIGINT and SIGTERM do so; a service is ended by the latter.
  explicit Interrupt(mica_session* session = nullptr, std::initializer_list<int> signals = {SIGINT});
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // From now on it is this session that is cancelled.
  static void answer_in(mica_session* session);
  // Since the newest one was made; which signal it was, 0 for none.
  static bool requested();
  static int signal();

 private:
  struct Previous {
    int signal;
    struct sigaction action;
  };
  std::vector<Previous> previous_;
};

}  // namespace app
