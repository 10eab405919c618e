// Lines from standard input: typed by a person at a prompt, or read from a pipe. What Ctrl-C does there.
// One at a time: signals and the terminal belong to the process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <termios.h>

namespace app {

class LineEditor;

// Reads standard input line by line. On a terminal it shows a prompt and, where built with libedit, edits lines, keeps
// their history and completes words and paths; without, Backspace erases whole UTF-8 characters all the same. It tells
// Ctrl-C at the prompt from the end of input. In a pipe it is silent.
class LineInput {
 public:
  enum class Result { kLine, kEnd, kInterrupted };

  // `words` are completed at the beginning of a line.
  LineInput(std::string prompt, std::vector<std::string> words);
  ~LineInput();
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  // The next line without its end. A last line without an end counts. Throws Failure when reading fails.
  Result read(std::string& line);
  bool interactive() const { return interactive_; }

 private:
  Result read_plain(std::string& line);
  bool take_line(std::string& line);

  std::string prompt_;
  std::string buffer_;  // read, but not handed out
  bool interactive_;
  std::unique_ptr<LineEditor> editor_;  // null in a pipe, and where there is none
  bool restore_terminal_ = false;
  termios terminal_{};
};

}  // namespace app
