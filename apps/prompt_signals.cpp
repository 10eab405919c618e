// Keys and signals at the prompt, see prompt_signals.hpp.
#include "prompt_signals.hpp"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <unistd.h>

#include "handles.hpp"

namespace app {
namespace {

int prompt_pipe = -1;  // the end that signals are written to

void on_signal(int signal) {
  const int error = errno;
  const auto byte = static_cast<unsigned char>(signal);
  [[maybe_unused]] const ssize_t written = write(prompt_pipe, &byte, 1);
  errno = error;
}

}  // namespace

PromptSignals::PromptSignals() {
  if (pipe(ends_) != 0) throw Failure(std::string("a pipe for Ctrl-C: ") + std::strerror(errno), MICA_IO_ERROR);
  prompt_pipe = ends_[1];
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (int i = 0; i < kCount; i++) sigaction(kSignals[i], &action, &previous_[i]);
}

PromptSignals::~PromptSignals() {
  for (int i = 0; i < kCount; i++) sigaction(kSignals[i], &previous_[i], nullptr);
  for (const int end : ends_) close(end);
}

PromptSignals::Event PromptSignals::wait() const {
  pollfd inputs[] = {{STDIN_FILENO, POLLIN, 0}, {ends_[0], POLLIN, 0}};
  while (poll(inputs, 2, -1) < 0 && errno == EINTR) {
  }
  unsigned char signal = 0;
  if (inputs[1].revents == 0 || ::read(ends_[0], &signal, 1) != 1) return Event::kInput;
  if (signal == SIGWINCH) return Event::kResized;
  return signal == SIGCONT ? Event::kContinued : Event::kLeave;
}

}  // namespace app
