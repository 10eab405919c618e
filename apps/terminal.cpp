// Numbers with units and progress bars, see terminal.hpp.
#include "terminal.hpp"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace app {
namespace {

constexpr double kShowAfterSeconds = 0.5;
constexpr double kRedrawSeconds = 0.1;
constexpr double kEstimateAfterSeconds = 1.0;
constexpr int kBarCells = 30;

__attribute__((format(printf, 1, 2))) std::string print(const char* format, ...) {
  char text[64];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

// Three significant digits: "8.92", "89.2", "892".
std::string three_digits(double value) { return print("%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value); }

// The number in the largest unit that leaves it at 1 or more; units are `step` apart.
template <size_t count>
std::string scaled(uint64_t number, double step, const char* const (&units)[count]) {
  if (static_cast<double>(number) < step) return std::to_string(number) + units[0];
  double value = static_cast<double>(number) / step;
  size_t unit = 1;
  for (; value >= step - 0.5 && unit + 1 < count; unit++) value /= step;
  return three_digits(value) + units[unit];
}

size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

bool is_terminal(std::FILE* file) { return isatty(fileno(file)) == 1; }

std::string screen_text(std::string_view text) {
  std::string shown;
  for (size_t i = 0; i < text.size(); i++) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {  // U+0080 to U+009F: controls of eight bits
      shown += "\uFFFD";
      i++;
    } else if (byte == 0x7F) {
      shown += "\u2421";
    } else if (byte < 0x20 && byte != '\n' && byte != '\t') {
      shown += {'\xE2', '\x90', static_cast<char>(0x80 + byte)};  // U+2400 and on
    } else {
      shown += text[i];
    }
  }
  return shown;
}

std::string text_for(std::FILE* file, std::string_view text) {
  return is_terminal(file) ? screen_text(text) : std::string(text);
}

void print_error(const std::string& message) { print_note("error: " + message); }

void print_note(const std::string& message) {
  std::fflush(stdout);  // keeps the order of what was printed where both go to one place
  std::fprintf(stderr, "mica: %s\n", text_for(stderr, message).c_str());
}

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string line;
  for (const std::string& word : words) {
    if (&word != &words.front()) line += separator;
    line += word;
  }
  return line;
}

std::string format_bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {" B", " KiB", " MiB", " GiB", " TiB"};
  return scaled(bytes, 1024, kUnits);
}

std::string format_count(uint64_t count) {
  static constexpr const char* kUnits[] = {"", " K", " M", " B", " T"};
  return scaled(count, 1000, kUnits);
}

std::string format_seconds(double seconds) {
  if (seconds < 0.9995) return print("%.*f ms", seconds < 0.000995 ? 2 : seconds < 0.00995 ? 1 : 0, seconds * 1e3);
  if (seconds < 59.95) return print("%.1f s", seconds);
  const long whole = std::lround(seconds);
  if (whole < 3600) return print("%ld min %02ld s", whole / 60, whole % 60);
  return print("%ld h %02ld min", whole / 3600, whole / 60 % 60);
}

std::string format_rate(double count, double seconds) {
  if (count <= 0 || seconds <= 0) return "-";
  return three_digits(count / seconds);
}

uint64_t memory_peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts in KiB
}

Progress::Progress(std::string label) : label_(std::move(label)) {
  const char* kind = std::getenv("TERM");
  enabled_ = is_terminal(stderr) && (kind == nullptr || std::strcmp(kind, "dumb") != 0);
}

void Progress::update(double done, const std::string& note) {
  if (!enabled_) return;
  const double now = total_.seconds();
  if (now < kShowAfterSeconds || (visible_ && now - drawn_seconds_ < kRedrawSeconds)) return;
  drawn_seconds_ = now;
  draw(std::clamp(done, 0.0, 1.0), note);
}

void Progress::draw(double done, const std::string& note) {
  const int full = static_cast<int>(done * kBarCells);
  std::string line = label_ + " [" + std::string(static_cast<size_t>(full), '=');
  if (full < kBarCells) line += '>' + std::string(static_cast<size_t>(kBarCells - full - 1), ' ');
  line += print("] %3d %%", static_cast<int>(done * 100));
  if (!note.empty()) line += ", " + note;
  const double seconds = total_.seconds();
  if (done > 0 && seconds > kEstimateAfterSeconds) line += ", " + format_seconds(seconds / done - seconds) + " left";
  line.resize(std::min(line.size(), terminal_columns() - 1));
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  visible_ = true;
}

void Progress::clear() {
  if (visible_) std::fputs("\r\033[K", stderr);
  visible_ = false;
}

int Progress::callback(void* progress, const char* stage, double done) {
  auto& self = *static_cast<Progress*>(progress);
  if (self.label_ != stage) {
    self.clear();
    self.label_ = stage;
    self.total_.restart();
  }
  self.update(done);
  return 0;
}

}  // namespace app
