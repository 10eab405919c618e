// Ctrl-C and lines typed by a person: what stops an answer, and what leaves a conversation.
// One of each at a time: signals belong to the process.
#pragma once

#include <csignal>
#include <string>

#include <termios.h>

#include "handles.hpp"

namespace app {

// While it lives, the first Ctrl-C cancels what `session` computes, or, without one, is only noted; the second ends the
// program, as everywhere else.
class Interrupt {
 public:
  explicit Interrupt(mica_session* session = nullptr);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool requested() const;

 private:
  struct sigaction previous_ {};
};

// Reads standard input line by line. On a terminal it shows a prompt, lets Backspace erase whole UTF-8 characters and
// tells Ctrl-C at the prompt from the end of input; in a pipe it is silent.
class LineInput {
 public:
  enum class Result { kLine, kEnd, kInterrupted };

  explicit LineInput(std::string prompt);
  ~LineInput();
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  // The next line without its end. A last line without an end counts. Throws Failure when reading fails.
  Result read(std::string& line);
  bool interactive() const { return interactive_; }

 private:
  bool take_line(std::string& line);

  std::string prompt_;
  std::string buffer_;  // read, but not handed out
  bool interactive_;
  bool restore_terminal_ = false;
  termios terminal_{};
};

}  // namespace app
