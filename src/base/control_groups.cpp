// Control groups: where the hierarchies are mounted, which group the process is in, and a walk from it to the root.
#include "control_groups.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace mica {

bool SystemPath::set(const char* root, std::string_view first, std::string_view second) {
  const int bytes = std::snprintf(text, sizeof text, "%s%.*s%.*s", root, static_cast<int>(first.size()), first.data(),
                                  static_cast<int>(second.size()), second.data());
  return bytes >= 0 && static_cast<size_t>(bytes) < sizeof text;
}

bool SystemLines::next(std::string_view* line) {
  if (file_ == nullptr || std::fgets(text_, sizeof text_, file_) == nullptr) return false;
  size_t bytes = std::strlen(text_);
  if (bytes > 0 && text_[bytes - 1] == '\n')
    --bytes;
  else
    skip_rest();
  *line = {text_, bytes};
  return true;
}

void SystemLines::skip_rest() {
  for (int c = 0; c != '\n' && c != EOF;) c = std::fgetc(file_);
}

std::string_view take_word(std::string_view* text, char end) {
  const size_t at = std::min(text->find(end), text->size());
  const std::string_view word = text->substr(0, at);
  text->remove_prefix(std::min(at + 1, text->size()));
  return word;
}

bool read_number(std::string_view text, int64_t* out) {
  char digits[24];
  if (text.empty() || text.size() >= sizeof digits) return false;
  std::memcpy(digits, text.data(), text.size());
  digits[text.size()] = '\0';
  char* end = nullptr;
  errno = 0;
  *out = std::strtoll(digits, &end, 10);
  return errno == 0 && *end == '\0';
}

bool read_number_file(const char* root, std::string_view folder, std::string_view name, int64_t* out) {
  SystemPath path;
  std::string_view line;
  if (!path.set(root, folder, name)) return false;
  SystemLines lines(path.text);
  return lines.next(&line) && read_number(line, out);
}

namespace {

bool has_word(std::string_view list, std::string_view wanted) {
  while (!list.empty())
    if (take_word(&list, ',') == wanted) return true;
  return false;
}

// A version of control groups: where its hierarchy is said to be, and how a folder of it says its limit.
struct GroupVersion {
  const char* filesystem;  // in mountinfo
  const char* controller;  // in mountinfo's options and in /proc/self/cgroup; "" is version 2's
  GroupLimit limit;
};

// The process's group: a line of /proc/self/cgroup is NUMBER:CONTROLLERS:PATH.
bool find_group(const char* root, const GroupVersion& version, SystemPath* group) {
  SystemPath path;
  if (!path.set(root, "/proc/self/cgroup")) return false;
  SystemLines lines(path.text);
  for (std::string_view line; lines.next(&line);) {
    take_word(&line, ':');
    const std::string_view controllers = take_word(&line, ':');
    const bool wanted = *version.controller != '\0' ? has_word(controllers, version.controller) : controllers.empty();
    if (wanted) return group->set("", line);
  }
  return false;
}

// Where the hierarchy is seen, and which of its groups is seen there: a line of mountinfo is
// NUMBER PARENT DEVICE GROUP FOLDER OPTIONS [TAG...] - FILESYSTEM SOURCE OPTIONS.
bool find_mount(const char* root, const GroupVersion& version, SystemPath* group, SystemPath* folder) {
  SystemPath path;
  if (!path.set(root, "/proc/self/mountinfo")) return false;
  SystemLines lines(path.text);
  for (std::string_view line; lines.next(&line);) {
    for (int i = 0; i < 3; ++i) take_word(&line);
    const std::string_view mounted = take_word(&line), at = take_word(&line);
    const size_t separator = line.find(" - ");
    if (separator == std::string_view::npos) continue;
    line.remove_prefix(separator + 3);
    if (take_word(&line) != version.filesystem) continue;
    take_word(&line);
    if (*version.controller != '\0' && !has_word(line, version.controller)) continue;
    return group->set("", mounted) && folder->set("", at);
  }
  return false;
}

// Of the process's group as it is seen below the mount, and of all between both. A container may see its group as the
// root of the mount, or be told a path that it does not see: then the mount itself counts.
int64_t limit_of(const char* root, const GroupVersion& version) {
  SystemPath group, mounted, folder, inside;
  if (!find_group(root, version, &group) || !find_mount(root, version, &mounted, &folder)) return kNoGroupLimit;
  std::string_view rest = group.text;
  std::string_view above = mounted.text;
  if (above == "/") above = "";
  const bool below = rest.substr(0, above.size()) == above && (rest.size() == above.size() || rest[above.size()] == '/');
  if (below) rest.remove_prefix(above.size());
  if (!below || !inside.set("", folder.text, rest)) inside = folder;
  int64_t least = kNoGroupLimit;
  for (std::string_view at = inside.text; at.size() >= std::strlen(folder.text) && !at.empty();) {
    least = std::min(least, version.limit(root, at));
    const size_t slash = at.rfind('/');
    at = at.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  return least;
}

}  // namespace

int64_t least_group_limit(const char* root, const char* controller, GroupLimit version_1, GroupLimit version_2) {
  return std::min(limit_of(root, {"cgroup", controller, version_1}), limit_of(root, {"cgroup2", "", version_2}));
}

}  // namespace mica
