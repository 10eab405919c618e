// Ctrl-C and lines typed by a person, see interrupt.hpp.
#include "interrupt.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <poll.h>
#include <unistd.h>

#include "terminal.hpp"

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

int prompt_pipe = -1;  // the end that Ctrl-C at the prompt is written to

void on_prompt_interrupt(int) {
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(prompt_pipe, "", 1);
  errno = error;
}

struct sigaction set_handler(void (*handler)(int)) {
  struct sigaction action {
  }, previous{};
  action.sa_handler = handler;
  sigaction(SIGINT, &action, &previous);
  return previous;
}

// While a person is at the prompt, Ctrl-C goes through a pipe: whichever thread takes the signal, and however early, it
// is not lost.
class PromptSignals {
 public:
  PromptSignals() {
    if (pipe(ends_) != 0) throw Failure(std::string("a pipe for Ctrl-C: ") + std::strerror(errno), MICA_IO_ERROR);
    prompt_pipe = ends_[1];
    previous_ = set_handler(on_prompt_interrupt);
  }
  ~PromptSignals() {
    sigaction(SIGINT, &previous_, nullptr);
    for (const int end : ends_) close(end);
  }
  PromptSignals(const PromptSignals&) = delete;
  PromptSignals& operator=(const PromptSignals&) = delete;

  // Until standard input can be read; false when Ctrl-C came first.
  bool wait() const {
    pollfd inputs[] = {{STDIN_FILENO, POLLIN, 0}, {ends_[0], POLLIN, 0}};
    while (poll(inputs, 2, -1) < 0 && errno == EINTR) {
    }
    return inputs[1].revents == 0;
  }

 private:
  int ends_[2];
  struct sigaction previous_ {};
};

}  // namespace

Interrupt::Interrupt(mica_session* session) {
  interrupts = 0;
  answering = session;
  previous_ = set_handler(on_interrupt);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &previous_, nullptr);
  answering = nullptr;
}

bool Interrupt::requested() const { return interrupts != 0; }

LineInput::LineInput(std::string prompt)
    : prompt_(std::move(prompt)), interactive_(is_terminal(stdin) && is_terminal(stdout)) {
#ifdef IUTF8
  // Consoles and serial lines often lack it; without it Backspace erases single bytes.
  if (interactive_ && tcgetattr(STDIN_FILENO, &terminal_) == 0 && (terminal_.c_iflag & IUTF8) == 0) {
    termios utf8 = terminal_;
    utf8.c_iflag |= IUTF8;
    restore_terminal_ = tcsetattr(STDIN_FILENO, TCSANOW, &utf8) == 0;
  }
#endif
}

LineInput::~LineInput() {
  if (restore_terminal_) tcsetattr(STDIN_FILENO, TCSANOW, &terminal_);
}

bool LineInput::take_line(std::string& line) {
  const size_t end = buffer_.find('\n');
  if (end == std::string::npos) return false;
  line = buffer_.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  buffer_.erase(0, end + 1);
  return true;
}

LineInput::Result LineInput::read(std::string& line) {
  const PromptSignals signals;
  if (interactive_ && buffer_.find('\n') == std::string::npos) {
    std::fputs(prompt_.c_str(), stdout);
    std::fflush(stdout);
  }
  while (!take_line(line)) {
    if (!signals.wait()) return Result::kInterrupted;
    char block[4096];
    const ssize_t count = ::read(STDIN_FILENO, block, sizeof block);
    if (count < 0) throw Failure(std::string("standard input: ") + std::strerror(errno), MICA_IO_ERROR);
    if (count == 0 && buffer_.empty()) return Result::kEnd;
    if (count == 0) buffer_ += '\n';
    buffer_.append(block, static_cast<size_t>(count));
  }
  return Result::kLine;
}

}  // namespace app
