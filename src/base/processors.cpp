// Processors: affinity, quotas of control groups, the environment. No allocation of its own: it is asked before a
// session is made, and what cannot be read is no limit.
#include "processors.hpp"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "control_groups.hpp"
#include "limits.hpp"

namespace mica {
namespace {

// Of `quota` microseconds in each `period`; none if it is not positive.
int64_t processors_of(int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0) return kNoGroupLimit;
  return quota / period + (quota % period != 0);
}

int64_t quota_of_version_1(const char* root, std::string_view folder) {
  int64_t quota = 0, period = 0;
  if (!read_number_file(root, folder, "/cpu.cfs_quota_us", &quota)) return kNoGroupLimit;
  if (!read_number_file(root, folder, "/cpu.cfs_period_us", &period)) return kNoGroupLimit;
  return processors_of(quota, period);
}

// "150000 100000", or "max 100000".
int64_t quota_of_version_2(const char* root, std::string_view folder) {
  SystemPath path;
  std::string_view line;
  if (!path.set(root, folder, "/cpu.max")) return kNoGroupLimit;
  SystemLines lines(path.text);
  int64_t quota = 0, period = 0;
  if (!lines.next(&line) || !read_number(take_word(&line), &quota) || !read_number(line, &period)) return kNoGroupLimit;
  return processors_of(quota, period);
}

// The first number of the list.
uint32_t positive_number(const char* text) {
  if (text == nullptr) return kNoLimit;
  std::string_view rest = text;
  int64_t value = 0;
  if (!read_number(take_word(&rest, ','), &value) || value <= 0) return kNoLimit;
  return static_cast<uint32_t>(std::min<int64_t>(value, kNoLimit));
}

}  // namespace

uint32_t processors_by_affinity() {
  uint16_t numbers[kProcessorsMax];
  return static_cast<uint32_t>(allowed_processors(numbers).size());
}

std::span<const uint16_t> allowed_processors(uint16_t (&numbers)[kProcessorsMax]) {
  // The kernel refuses a set that is smaller than its own.
  cpu_set_t sets[kProcessorsMax / CPU_SETSIZE];
  CPU_ZERO_S(sizeof sets, sets);
  size_t count = 0;
  if (sched_getaffinity(0, sizeof sets, sets) == 0)
    for (size_t i = 0; i < kProcessorsMax; ++i)
      if (CPU_ISSET_S(i, sizeof sets, sets)) numbers[count++] = static_cast<uint16_t>(i);
  if (count == 0) numbers[count++] = 0;
  return {numbers, count};
}

uint32_t processors_by_quota(const char* root) {
  const int64_t least = least_group_limit(root, "cpu", quota_of_version_1, quota_of_version_2);
  return static_cast<uint32_t>(std::min<int64_t>(least, kNoLimit));
}

uint32_t threads_by_environment(const char* omp_num_threads, const char* omp_thread_limit) {
  return std::min(positive_number(omp_num_threads), positive_number(omp_thread_limit));
}

uint32_t available_processors() {
  return std::min({processors_by_affinity(), processors_by_quota(""),
                   threads_by_environment(std::getenv("OMP_NUM_THREADS"), std::getenv("OMP_THREAD_LIMIT")),
                   limits::kThreadsMax});
}

}  // namespace mica
