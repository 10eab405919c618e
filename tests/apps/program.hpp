// Runs the built `mica` as a user does: with arguments and pipes, or in a terminal of its own. No shell in between.
// Asserts nothing; the tests judge what came out.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace program {

using Arguments = std::vector<std::string>;

struct Outcome {
  int status = -1;  // the exit status; 128 + the signal when one ended it
  std::string out, err;
};

// `input` is standard input; `out_path`, if not empty, is opened as standard output.
Outcome run(const Arguments& arguments, const std::string& input = "", const std::string& out_path = "");
// As out_path: a pipe that nobody reads.
inline const std::string kUnread = "|";
// As out_path: none at all, as a shell's >&- leaves it.
inline const std::string kClosed = "&-";

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A file of tests/data, by its path there.
std::string data(const std::string& path);

// Where a program in a Terminal keeps its history (XDG_STATE_HOME): this test's own, made by the program.
const std::string& state_folder();

// A program whose standard input, output and errors are one terminal of 100 columns.
class Terminal {
 public:
  explicit Terminal(const Arguments& arguments, const std::string& terminal_kind = "xterm");
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& keys);  // "\x03" is Ctrl-C, "\x04" Ctrl-D
  // Reads on until `text` has appeared after what earlier calls found; false when it does not within 60 seconds.
  bool shows(const std::string& text);
  // Waits for anything after what shows() found last; false when nothing comes within 60 seconds.
  bool shows_more();
  void signal(int number);
  // The exit status once the program has ended by itself; -1 when it does not within 60 seconds.
  int status();
  const std::string& seen() const { return seen_; }

 private:
  bool read_some(double seconds_left);

  pid_t child_ = -1;
  int terminal_ = -1;
  std::string seen_;
  size_t found_ = 0;  // the end of what shows() found last
};

}  // namespace program
