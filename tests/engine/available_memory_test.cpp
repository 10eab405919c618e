// What memory a process may still take: trees of /proc and /sys as containers have them, made up in a folder, and the
// limit of address space.
#include "available_memory.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <filesystem>

#include "run_in_child.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

struct SystemFile {
  const char* path;
  const char* text;
};

constexpr const char* kMount2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kMount1 = "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

uint64_t memory_of(const std::vector<SystemFile>& files) {
  const TestFolder root;
  for (const SystemFile& file : files) {
    std::filesystem::create_directories(std::filesystem::path(root.path(file.path)).parent_path());
    root.write(file.path, file.text);
  }
  return available_memory(root.path().c_str());
}

}  // namespace

TEST_CASE("the least of what the system has and what control groups leave counts") {
  const SystemFile system = {"proc/meminfo", "MemTotal:       8000000 kB\nMemAvailable:    3000000 kB\n"};
  const SystemFile group2 = {"proc/self/cgroup", "0::/a\n"}, mount2 = {"proc/self/mountinfo", kMount2};
  CHECK(memory_of({}) == kMemoryUnknown);
  CHECK(memory_of({system}) == 3000000ull * 1024);
  CHECK(memory_of({{"proc/meminfo", "MemAvailable: many kB\n"}}) == kMemoryUnknown);
  CHECK(memory_of({system, group2, mount2, {"sys/fs/cgroup/a/memory.max", "max\n"}}) == 3000000ull * 1024);
  CHECK(memory_of({system, group2, mount2, {"sys/fs/cgroup/a/memory.max", "2000000\n"},
                   {"sys/fs/cgroup/a/memory.current", "500000\n"}}) == 1500000);
  // Pages of files are given back when memory is needed.
  CHECK(memory_of({system, group2, mount2, {"sys/fs/cgroup/a/memory.max", "2000000\n"},
                   {"sys/fs/cgroup/a/memory.current", "1900000\n"},
                   {"sys/fs/cgroup/a/memory.stat", "anon 100\ninactive_file 700000\nactive_file 300000\n"}}) == 1100000);
  // The group above is tighter.
  CHECK(memory_of({system, group2, mount2, {"sys/fs/cgroup/a/memory.max", "2000000\n"},
                   {"sys/fs/cgroup/a/memory.current", "500000\n"}, {"sys/fs/cgroup/memory.max", "900000\n"},
                   {"sys/fs/cgroup/memory.current", "950000\n"}}) == 0);
  CHECK(memory_of({system, {"proc/self/cgroup", "4:memory:/a\n"}, {"proc/self/mountinfo", kMount1},
                   {"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000000\n"},
                   {"sys/fs/cgroup/memory/a/memory.usage_in_bytes", "400000\n"}}) == 600000);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MICA_TEST_ADDRESS_SANITIZER  // whose shadow takes terabytes of address space: no limit can be set below it
#endif
#endif

#ifndef MICA_TEST_ADDRESS_SANITIZER
TEST_CASE("a limit of address space counts") {
  CHECK(run_in_child([] {
          const rlimit limit = {size_t{1} << 40, size_t{1} << 40};
          if (setrlimit(RLIMIT_AS, &limit) != 0) return 1;
          rlimit set = {};
          if (getrlimit(RLIMIT_AS, &set) != 0) return 1;
          // An emulated processor keeps its own address space: there is no limit to see.
          if (set.rlim_cur != limit.rlim_cur) return 0;
          const TestFolder root;
          std::filesystem::create_directories(root.path("proc/self"));
          root.write("proc/self/statm", "1024 10 10 10 0 10 0\n");
          return available_memory(root.path().c_str()) < (uint64_t{1} << 40) ? 0 : 2;
        }) == 0);
}
#endif
