// What people see: numbers with units, and progress bars. Only on terminals: in a pipe or a file bars are silent.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace app {

bool is_terminal(std::FILE* file);

// Text that came from elsewhere (a model, a file, a name) as a terminal may show it: control characters, which could
// move the cursor or reprogram the terminal, become the pictures that Unicode has for them. Lines and tabs stay.
std::string screen_text(std::string_view text);
// The same, only where `file` is a terminal: a pipe gets every byte.
std::string text_for(std::FILE* file, std::string_view text);

// "mica: error: ..." on standard error: the one form in which anything that failed is told.
void print_error(const std::string& message);

// "mica: ..." on standard error: what is said beside the work.
void print_note(const std::string& message);

// The words with `separator` between them.
std::string join(const std::vector<std::string>& words, const char* separator);

std::string format_bytes(uint64_t bytes);               // "512 B", "8.92 MiB"
std::string format_count(uint64_t count);               // "416", "4.68 M": parameters
std::string format_seconds(double seconds);             // "12 ms", "3.4 s", "2 min 05 s"
std::string format_rate(double count, double seconds);  // "1234", "56.7", "-" when nothing was measured

// Largest resident memory of this process so far, in bytes.
uint64_t memory_peak();

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  void restart() { start_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

// A line on standard error with a bar, the share done and the time left. It appears once work has taken a moment, so
// that short work does not flicker, and is erased when the object goes or something else must be printed.
class Progress {
 public:
  explicit Progress(std::string label);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` in [0, 1]; `note` stands behind the bar ("95.4 % right").
  void update(double done, const std::string& note = "");
  // Erases the line; the next update draws it again.
  void clear();

  // As mica_progress, with the Progress as user; never cancels.
  static int callback(void* progress, const char* stage, double done);

 private:
  void draw(double done, const std::string& note);

  std::string label_;
  bool enabled_;
  bool visible_ = false;
  Stopwatch total_;
  double drawn_seconds_ = 0;
};

}  // namespace app
