// How many processors there are for a process: trees of /proc and /sys as containers have them, made up in a folder.
#include "processors.hpp"

#include <doctest/doctest.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>

#include "fitting_threads.hpp"
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

void write_below(const TestFolder& root, const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(root.path(path)).parent_path());
  root.write(path, text);
}

uint32_t quota_of(const Machine& machine) {
  const TestFolder root;
  const auto write = [&](const std::string& path, const char* text) { write_below(root, path, text); };
  if (machine.groups) write("proc/self/cgroup", machine.groups);
  if (machine.mounts) write("proc/self/mountinfo", machine.mounts);
  for (const GroupFile& file : machine.files) write(std::string("sys/fs/cgroup/") + file.path, file.text);
  return processors_by_quota(root.path().c_str());
}

// Processors of one kind, in the order of their numbers.
struct Kind {
  uint32_t count;
  int capacity = 0;      // as the kernel says; 0: no file
  uint32_t siblings = 1; // threads of a core, next to each other; 0: no file
  uint32_t apart = 0;    // or, if not 0, so far from each other
  bool is_small = false; // in Intel's list of small cores
};

struct Cores {
  const char* what;
  std::vector<Kind> kinds;
  std::vector<uint16_t> allowed;  // empty: all
  ThreadCounts counts;
};

ThreadCounts counts_of(const Cores& cores) {
  const TestFolder root;
  std::vector<uint16_t> all;
  std::string small;
  uint32_t number = 0;
  for (const Kind& kind : cores.kinds) {
    for (uint32_t i = 0; i < kind.count; ++i, ++number) {
      const std::string folder = "sys/devices/system/cpu/cpu" + std::to_string(number) + '/';
      const uint32_t first = kind.apart != 0 ? number - i + i % kind.apart : number - i % std::max(kind.siblings, 1u);
      std::string list = std::to_string(first);
      if (kind.apart != 0) list += ',' + std::to_string(first + kind.apart);
      else if (kind.siblings > 1) list += '-' + std::to_string(first + kind.siblings - 1);
      if (kind.capacity != 0) write_below(root, folder + "cpu_capacity", std::to_string(kind.capacity) + '\n');
      if (kind.siblings != 0) write_below(root, folder + "topology/thread_siblings_list", list + '\n');
      if (kind.is_small) small += (small.empty() ? "" : ",") + std::to_string(number);
      all.push_back(static_cast<uint16_t>(number));
    }
  }
  if (!small.empty()) write_below(root, "sys/devices/cpu_atom/cpus", small + '\n');
  return threads_by_cores(root.path().c_str(), cores.allowed.empty() ? all : cores.allowed);
}

}  // namespace

TEST_CASE("threads are as many as a machine's cores can feed") {
  const Kind zen3{16, 0, 2, 8};  // two threads a core, eight numbers apart
  const Cores machines[] = {
      {"Raspberry Pi 4", {{4}}, {}, {4, 4}},
      {"Raspberry Pi 5", {{4, 1024}}, {}, {4, 4}},
      {"RK3588: the small cores are left out", {{4, 397}, {4, 1024}}, {}, {4, 4}},
      {"RK3588, bound to the small cores", {{4, 397}, {4, 1024}}, {0, 1, 2, 3}, {4, 4}},
      {"RK3588, bound to a core of each kind", {{4, 397}, {4, 1024}}, {3, 4}, {1, 1}},
      {"RK3399", {{4, 485}, {2, 1024}}, {}, {2, 2}},
      {"a telephone's three kinds", {{4, 325}, {3, 828}, {1, 1024}}, {}, {4, 4}},
      {"Alder Lake, six large cores of two threads, eight small ones", {{12, 1024, 2}, {8, 606}}, {}, {14, 4}},
      {"Alder Lake, an older kernel", {{12, 0, 2}, {8, 0, 1, 0, true}}, {}, {14, 4}},
      {"Alder Lake, two large and eight small", {{4, 1024, 2}, {8, 606}}, {}, {10, 4}},
      {"Alder Lake N100", {{4}}, {}, {4, 4}},
      {"Zen 3, eight cores of two threads", {zen3}, {}, {8, 4}},
      {"Zen 3, bound to both threads of two cores", {zen3}, {2, 3, 10, 11}, {2, 2}},
      {"Zen 3, bound to the second threads", {zen3}, {8, 9, 10}, {3, 3}},
      {"a server of 64 cores", {{128, 0, 2, 64}}, {}, {64, 32}},
      {"a container of two of its processors", {{128, 0, 2, 64}}, {17, 90}, {2, 2}},
      {"a virtual machine that shows two threads of a core", {{2, 0, 2}}, {}, {1, 1}},
      {"a virtual machine that says nothing", {{8, 0, 0}}, {}, {8, 4}},
      {"nothing to read at all", {}, {0, 1, 2}, {3, 3}},
      {"nothing at all", {}, {}, {1, 1}},
      {"capacities that there cannot be", {{4, -3}, {4, 99999}}, {}, {8, 4}},
  };
  for (const Cores& cores : machines) {
    CAPTURE(cores.what);
    const ThreadCounts counts = counts_of(cores);
    CHECK(counts.prompts == cores.counts.prompts);
    CHECK(counts.answers == cores.counts.answers);
  }
}

TEST_CASE("files of cores that hold nonsense are files that are not there") {
  for (const char* text : {"", "\n", "x", "-1", "99999999999999999999", "0-", ",", "8191,8192"}) {
    const TestFolder root;
    for (const char* file : {"cpu_capacity", "topology/thread_siblings_list"})
      write_below(root, std::string("sys/devices/system/cpu/cpu1/") + file, text);
    write_below(root, "sys/devices/cpu_atom/cpus", text);
    const uint16_t both[] = {0, 1};
    CAPTURE(text);
    CHECK(threads_by_cores(root.path().c_str(), both).prompts == (std::string(text) == "0-" ? 1 : 2));
  }
}

TEST_CASE("what the user of OpenMP programs says is for answers too; a limit only bounds") {
  CHECK(run_in_child([] {
          setenv("OMP_NUM_THREADS", "1", 1);
          const ThreadCounts counts = fitting_threads();
          return static_cast<int>(counts.prompts * 10 + counts.answers);
        }) == 11);
  CHECK(run_in_child([] {
          const ThreadCounts before = fitting_threads();
          setenv("OMP_THREAD_LIMIT", "100", 1);
          const ThreadCounts counts = fitting_threads();
          return static_cast<int>(counts.prompts != before.prompts || counts.answers != before.answers);
        }) == 0);
}

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
