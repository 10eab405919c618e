// Fitting threads, see fitting_threads.hpp. No allocation: it is asked before a session is made.
#include "fitting_threads.hpp"

#include <algorithm>
#include <bitset>
#include <cstdlib>
#include <mutex>

#include "control_groups.hpp"
#include "limits.hpp"
#include "processors.hpp"

namespace mica {
namespace {

constexpr int64_t kCapacityMax = 1024;  // of the kernel's scale
constexpr uint32_t kAnswersLeast = 4;   // boards and laptops need as many to fill their memory's bandwidth

// A file of the processor's folder, by its first number: "4", "0,8" or "0-1".
int64_t first_number(const char* root, uint32_t processor, const char* file, int64_t otherwise) {
  char folder[64];
  SystemPath path;
  std::string_view line;
  int64_t value = 0;
  std::snprintf(folder, sizeof folder, "/sys/devices/system/cpu/cpu%u", processor);
  if (!path.set(root, folder, file)) return otherwise;
  SystemLines lines(path.text);
  if (!lines.next(&line)) return otherwise;
  const size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
  return read_number(line.substr(0, digits), &value) ? value : otherwise;
}

// Whether a list of processors, as "0-3,8,10-11", has this one.
bool has_processor(std::string_view list, uint32_t processor) {
  while (!list.empty()) {
    std::string_view last = take_word(&list, ',');
    const std::string_view first = take_word(&last, '-');
    int64_t from = 0, to = 0;
    if (!read_number(first, &from)) return false;
    if (!read_number(last, &to)) to = from;
    if (processor >= from && processor <= to) return true;
  }
  return false;
}

// Intel's small cores, where the kernel is older than their capacities.
int64_t capacity_by_kind(const char* root, uint32_t processor) {
  SystemPath path;
  std::string_view line;
  if (!path.set(root, "/sys/devices/cpu_atom/cpus")) return kCapacityMax;
  SystemLines lines(path.text);
  return lines.next(&line) && has_processor(line, processor) ? kCapacityMax / 2 : kCapacityMax;
}

int64_t capacity_of(const char* root, uint32_t processor) {
  const int64_t said = first_number(root, processor, "/cpu_capacity", 0);
  return said > 0 && said <= kCapacityMax ? said : capacity_by_kind(root, processor);
}

ThreadCounts counts_of(uint32_t prompts, uint32_t large) {
  return {prompts, std::min(prompts, std::max(kAnswersLeast, (large + 1) / 2))};
}

}  // namespace

ThreadCounts threads_by_cores(const char* root, std::span<const uint16_t> processors) {
  int64_t most = 0;
  for (const uint16_t processor : processors) most = std::max(most, capacity_of(root, processor));
  std::bitset<kProcessorsMax> seen;
  uint32_t fast = 0, large = 0;
  for (const uint16_t processor : processors) {
    const int64_t core = first_number(root, processor, "/topology/thread_siblings_list", processor);
    const int64_t capacity = capacity_of(root, processor);
    if (core >= static_cast<int64_t>(seen.size()) || capacity * 2 < most) continue;
    if (seen[static_cast<size_t>(core)]) continue;
    seen[static_cast<size_t>(core)] = true;
    ++fast;
    large += capacity * 4 >= most * 3;
  }
  return counts_of(std::max(fast, 1u), large);
}

namespace {

// The machine's files are many where its processors are, and do not change: they are read once for a set of processors.
ThreadCounts threads_of_machine() {
  static std::mutex mutex;
  static uint16_t known[kProcessorsMax];
  static size_t known_count = 0;
  static ThreadCounts counts{1, 1};
  uint16_t numbers[kProcessorsMax];
  const std::span<const uint16_t> allowed = allowed_processors(numbers);
  const std::lock_guard lock(mutex);
  if (allowed.size() == known_count && std::equal(allowed.begin(), allowed.end(), known)) return counts;
  counts = threads_by_cores("", allowed);
  std::copy(allowed.begin(), allowed.end(), known);
  known_count = allowed.size();
  return counts;
}

}  // namespace

ThreadCounts fitting_threads() {
  const char* wanted = std::getenv("OMP_NUM_THREADS");
  const uint32_t said = threads_by_environment(wanted, std::getenv("OMP_THREAD_LIMIT"));
  const uint32_t most = std::min({said, processors_by_quota(""), limits::kThreadsMax});
  ThreadCounts counts = threads_of_machine();
  if (threads_by_environment(wanted, nullptr) != kNoLimit) counts.prompts = counts.answers = processors_by_affinity();
  return {std::min(counts.prompts, most), std::min(counts.answers, most)};
}

}  // namespace mica
