// Available memory: three numbers of the system, of which the least counts.
#include "available_memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "control_groups.hpp"

namespace mica {
namespace {

// "MemAvailable:   1234 kB".
int64_t by_system(const char* root) {
  SystemPath path;
  if (!path.set(root, "/proc/meminfo")) return kNoGroupLimit;
  SystemLines lines(path.text);
  for (std::string_view line; lines.next(&line);) {
    if (take_word(&line) != "MemAvailable:") continue;
    while (line.starts_with(' ')) line.remove_prefix(1);
    int64_t kilobytes = 0;
    const bool good = read_number(take_word(&line), &kilobytes) && kilobytes <= INT64_MAX / 1024;
    return good ? kilobytes * 1024 : kNoGroupLimit;
  }
  return kNoGroupLimit;
}

// Pages of files, which count as used though the system takes them back when it needs them.
int64_t file_pages(const char* root, std::string_view folder) {
  SystemPath path;
  int64_t bytes = 0;
  if (!path.set(root, folder, "/memory.stat")) return 0;
  SystemLines lines(path.text);
  for (std::string_view line; lines.next(&line);) {
    const std::string_view name = take_word(&line);
    int64_t count = 0;
    if ((name == "inactive_file" || name == "active_file") && read_number(line, &count)) bytes += count;
  }
  return bytes;
}

// What a group may still take.
int64_t left_in_group(const char* root, std::string_view folder, const char* limit, const char* usage) {
  int64_t most = 0, used = 0;
  if (!read_number_file(root, folder, limit, &most)) return kNoGroupLimit;
  if (!read_number_file(root, folder, usage, &used)) return kNoGroupLimit;
  return std::max<int64_t>(most - std::max<int64_t>(used - file_pages(root, folder), 0), 0);
}

int64_t left_in_version_1(const char* root, std::string_view folder) {
  return left_in_group(root, folder, "/memory.limit_in_bytes", "/memory.usage_in_bytes");
}

// memory.max is a number or "max".
int64_t left_in_version_2(const char* root, std::string_view folder) {
  return left_in_group(root, folder, "/memory.max", "/memory.current");
}

// The address space that is left; /proc/self/statm begins with its pages that are taken.
int64_t by_address_space(const char* root) {
  rlimit limit{};
  SystemPath path;
  std::string_view line;
  int64_t pages = 0;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNoGroupLimit;
  if (!path.set(root, "/proc/self/statm")) return kNoGroupLimit;
  SystemLines lines(path.text);
  if (!lines.next(&line) || !read_number(take_word(&line), &pages)) return kNoGroupLimit;
  const auto most = static_cast<int64_t>(std::min<uint64_t>(limit.rlim_cur, INT64_MAX));
  return std::max<int64_t>(most - pages * sysconf(_SC_PAGESIZE), 0);
}

}  // namespace

uint64_t available_memory(const char* root) {
  const int64_t least = std::min({by_system(root), by_address_space(root),
                                  least_group_limit(root, "memory", left_in_version_1, left_in_version_2)});
  return least == kNoGroupLimit ? kMemoryUnknown : static_cast<uint64_t>(least);
}

}  // namespace mica
