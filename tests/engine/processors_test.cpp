// How many processors there are for a process: trees of /proc and /sys as containers have them, made up in a folder.
#include "processors.hpp"

#include <doctest/doctest.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>

#include "run_in_child.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

struct GroupFile {
  const char* path;  // below /sys/fs/cgroup
  const char* text;
};

struct Machine {
  const char* what;
  const char* groups;  // /proc/self/cgroup
  const char* mounts;  // /proc/self/mountinfo
  std::vector<GroupFile> files;
  uint32_t processors;
};

constexpr const char* kMount2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kMount1 =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n";

uint32_t quota_of(const Machine& machine) {
  const TestFolder root;
  const auto write = [&](const std::string& path, const char* text) {
    std::filesystem::create_directories(std::filesystem::path(root.path(path)).parent_path());
    root.write(path, text);
  };
  if (machine.groups) write("proc/self/cgroup", machine.groups);
  if (machine.mounts) write("proc/self/mountinfo", machine.mounts);
  for (const GroupFile& file : machine.files) write(std::string("sys/fs/cgroup/") + file.path, file.text);
  return processors_by_quota(root.path().c_str());
}

}  // namespace

TEST_CASE("the quota of control groups is the tightest of those that can be seen") {
  const Machine machines[] = {
      {"nothing to read", nullptr, nullptr, {}, kNoLimit},
      {"version 2 without a quota", "0::/a\n", kMount2, {{"a/cpu.max", "max 100000\n"}}, kNoLimit},
      {"version 2, two", "0::/a\n", kMount2, {{"a/cpu.max", "200000 100000\n"}}, 2},
      {"version 2, one and a half is two", "0::/a\n", kMount2, {{"a/cpu.max", "150000 100000\n"}}, 2},
      {"version 2, a tenth is one", "0::/a\n", kMount2, {{"a/cpu.max", "10000 100000\n"}}, 1},
      {"version 2, the outer group is tighter", "0::/a/b/c\n", kMount2,
       {{"a/cpu.max", "100000 100000\n"}, {"a/b/cpu.max", "max 100000\n"}, {"a/b/c/cpu.max", "400000 100000\n"}}, 1},
      {"version 2, the inner group is tighter", "0::/a/b\n", kMount2,
       {{"a/cpu.max", "800000 100000\n"}, {"a/b/cpu.max", "300000 100000\n"}}, 3},
      {"version 2, another group's does not count", "0::/a\n", kMount2, {{"b/cpu.max", "100000 100000\n"}}, kNoLimit},
      {"a container that sees its group as the root", "0::/\n", kMount2, {{"cpu.max", "100000 50000\n"}}, 2},
      {"a container whose mount begins at its group", "0::/docker/4f\n",
       "30 23 0:26 /docker/4f /sys/fs/cgroup ro - cgroup2 cgroup rw\n", {{"cpu.max", "300000 100000\n"}}, 3},
      {"a path that is not seen: the mount counts", "0::/../other\n",
       "30 23 0:26 /docker/4f /sys/fs/cgroup ro - cgroup2 cgroup rw\n", {{"cpu.max", "300000 100000\n"}}, 3},
      {"a name that only begins alike", "0::/docker/4f2\n",
       "30 23 0:26 /docker/4f /sys/fs/cgroup ro - cgroup2 cgroup rw\n", {{"cpu.max", "300000 100000\n"}}, 3},
      {"version 1, two and a half is three", "4:memory:/a\n3:cpu,cpuacct:/a\n", kMount1,
       {{"cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n"}, {"cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}}, 3},
      {"version 1 without a quota", "3:cpu,cpuacct:/a\n", kMount1,
       {{"cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n"}, {"cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}}, kNoLimit},
      {"version 1, the outer group is tighter", "3:cpu,cpuacct:/a/b\n", kMount1,
       {{"cpu,cpuacct/a/cpu.cfs_quota_us", "100000\n"}, {"cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"},
        {"cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n"}, {"cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n"}}, 1},
      {"nonsense", "0::/a\n", kMount2, {{"a/cpu.max", "many few\n"}}, kNoLimit},
      {"a period of nothing", "0::/a\n", kMount2, {{"a/cpu.max", "100000 0\n"}}, kNoLimit},
      {"an empty file", "0::/a\n", kMount2, {{"a/cpu.max", ""}}, kNoLimit},
      {"lines that are cut", "0\n::\n:::\n0:", "30\n30 23 0:26 / \n - \n - cgroup2\n", {}, kNoLimit},
      {"a mount that is no path", "0::/a\n", "30 23 0:26 / x rw - cgroup2 cgroup2 rw\n", {}, kNoLimit},
  };
  for (const Machine& machine : machines) {
    CAPTURE(machine.what);
    CHECK(quota_of(machine) == machine.processors);
  }
}

TEST_CASE("a line that is longer than any path is passed over") {
  const std::string groups = "1:cpu:/" + std::string(100000, 'x') + "\n0::/a\n";
  CHECK(quota_of({"", groups.c_str(), kMount2, {{"a/cpu.max", "200000 100000\n"}}, 2}) == 2);
}

TEST_CASE("what the environment says to programs of OpenMP holds here too") {
  CHECK(threads_by_environment(nullptr, nullptr) == kNoLimit);
  CHECK(threads_by_environment("3", nullptr) == 3);
  CHECK(threads_by_environment("4,2", nullptr) == 4);
  CHECK(threads_by_environment(nullptr, "2") == 2);
  CHECK(threads_by_environment("8", "5") == 5);
  for (const char* nothing : {"", "0", "-2", "four", "2x", "99999999999999999999"})
    CHECK(threads_by_environment(nothing, nullptr) == kNoLimit);
  CHECK(run_in_child([] {
          setenv("OMP_NUM_THREADS", "1", 1);
          return static_cast<int>(available_processors());
        }) == 1);
}

TEST_CASE("a process that is bound to one processor has one") {
  CHECK(run_in_child([] {
          cpu_set_t one, all;
          if (sched_getaffinity(0, sizeof all, &all) != 0) return -1;
          CPU_ZERO(&one);
          for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i)
            if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
          if (sched_setaffinity(0, sizeof one, &one) != 0) return -1;
          return static_cast<int>(processors_by_affinity());
        }) == 1);
}
