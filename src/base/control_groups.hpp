// Control groups: the limits that the system sets for this process and its like, and the small files of /proc and /sys
// that say them. What a limit bounds: processors.hpp, available_memory.hpp. No allocation.
#pragma once

#include <climits>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace mica {

inline constexpr int64_t kNoGroupLimit = INT64_MAX;

// A path that is built here; a longer one is given up.
struct SystemPath {
  char text[PATH_MAX] = "";

  bool set(const char* root, std::string_view first, std::string_view second = "");
};

// The lines of a small text file, without their ends. A line that is longer than any that counts is cut.
class SystemLines {
 public:
  explicit SystemLines(const char* path) : file_(std::fopen(path, "re")) {}
  ~SystemLines() {
    if (file_ != nullptr) std::fclose(file_);
  }
  SystemLines(const SystemLines&) = delete;
  SystemLines& operator=(const SystemLines&) = delete;

  bool next(std::string_view* line);

 private:
  void skip_rest();

  std::FILE* file_;
  char text_[2 * PATH_MAX];
};

// Takes the next word off the text; `end` parts words.
std::string_view take_word(std::string_view* text, char end = ' ');
// False, and *out unchanged, where it is no whole number.
bool read_number(std::string_view text, int64_t* out);
bool read_number_file(const char* root, std::string_view folder, std::string_view name, int64_t* out);

// The limit that one group's folder says; kNoGroupLimit where it says none.
using GroupLimit = int64_t (*)(const char* root, std::string_view folder);
// The least limit of the process's group and of all above it, in version 1 (of `controller`) and version 2. `root`
// stands before all paths: for tests.
int64_t least_group_limit(const char* root, const char* controller, GroupLimit version_1, GroupLimit version_2);

}  // namespace mica
