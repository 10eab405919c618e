// Lines from standard input, see line_input.hpp.
#include "line_input.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <unistd.h>

#include "handles.hpp"
#include "line_editor.hpp"
#include "pasted_paths.hpp"
#include "prompt_signals.hpp"
#include "terminal.hpp"

namespace app {

LineInput::LineInput(std::string prompt, std::vector<std::string> words)
    : prompt_(std::move(prompt)), interactive_(is_terminal(stdin) && is_terminal(stdout)) {
  if (!interactive_) return;
  editor_ = LineEditor::open(prompt_, std::move(words));
#ifdef IUTF8
  // Consoles and serial lines often lack it; without it Backspace erases single bytes.
  if (tcgetattr(STDIN_FILENO, &terminal_) == 0 && (terminal_.c_iflag & IUTF8) == 0) {
    termios utf8 = terminal_;
    utf8.c_iflag |= IUTF8;
    restore_terminal_ = tcsetattr(STDIN_FILENO, TCSANOW, &utf8) == 0;
  }
#endif
}

LineInput::~LineInput() {
  editor_.reset();
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

LineInput::Result LineInput::read(std::string& line) { return editor_ ? editor_->read(line) : read_plain(line); }

LineInput::Result LineInput::read_plain(std::string& line) {
  const PromptSignals signals;
  if (interactive_ && buffer_.find('\n') == std::string::npos) {
    std::fputs(prompt_.c_str(), stdout);
    std::fflush(stdout);
  }
  while (!take_line(line)) {
    const PromptSignals::Event event = signals.wait();
    if (event == PromptSignals::Event::kLeave) return Result::kInterrupted;
    if (event != PromptSignals::Event::kInput) continue;
    char block[4096];
    const ssize_t count = ::read(STDIN_FILENO, block, sizeof block);
    if (count < 0) throw Failure(std::string("standard input: ") + std::strerror(errno), MICA_IO_ERROR);
    if (count == 0 && buffer_.empty()) return Result::kEnd;
    if (!interactive_ && count > 0 && is_picture({block, static_cast<size_t>(count)}))
      throw Failure("standard input is a picture, where questions are wanted, a line each: --image FILE takes pictures",
                    MICA_INVALID_ARGUMENT);
    if (count == 0) buffer_ += '\n';
    buffer_.append(block, static_cast<size_t>(count));
  }
  return Result::kLine;
}

}  // namespace app
