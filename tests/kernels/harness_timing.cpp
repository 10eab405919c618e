// The harness's clock: what time_call prints with --bench. Not comparisons: harness.cpp.
#include <ctime>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "harness.hpp"
#include "harness_options.hpp"

namespace mica::kernel_test {

namespace {

// Far above the clock's resolution and cost, far below a scheduler's turn.
constexpr double kRunSeconds = 2e-3;
// So many runs, but no more once they took this long: the slowest calls of scalar take seconds.
constexpr int kRuns = 15;
constexpr double kAllRunsSeconds = 0.1;

double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <typename Call>
double seconds_of(size_t times, const Call& call) {
  const double start = thread_seconds();
  for (size_t i = 0; i < times; ++i) call();
  return (thread_seconds() - start) / static_cast<double>(times);
}

template <typename Call>
double fastest(const Call& call) {
  double least = seconds_of(1, call);
  if (least > kAllRunsSeconds) return least;
  size_t times = 1;
  while (times < 1000000 && seconds_of(times, call) * static_cast<double>(times) < kRunSeconds) times *= 2;
  const double end = thread_seconds() + kAllRunsSeconds;
  for (int run = 0; run < kRuns && thread_seconds() < end; ++run) least = std::min(least, seconds_of(times, call));
  return least;
}

}  // namespace

bool timing() { return options().bench != nullptr; }

void time_call(const Trial& trial, const char* kernel, Work work,
               const std::function<void(const simd::Kernels&)>& call) {
  if (!timing() || std::strstr(kernel, options().bench) == nullptr || &trial.level() == &scalar()) return;
  static std::map<std::string, double> scalar_seconds;
  const auto [found, is_new] = scalar_seconds.try_emplace(std::string(kernel) + ": " + trial.sizes());
  if (is_new) found->second = fastest([&] { call(scalar()); });
  const double seconds = fastest([&] { call(trial.level()); });
  std::printf("%-22s %-12s %-50.50s %9.2f %-5s %7.2f x scalar\n", kernel, trial.level().name, trial.sizes(),
              1e-9 * work.amount / seconds, work.unit, found->second / seconds);
  std::fflush(stdout);
}

}  // namespace mica::kernel_test
