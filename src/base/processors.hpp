// Processors: how many threads can run at once for this process. Not their making: ops/thread_pool.hpp.
#pragma once

#include <cstdint>

namespace mica {

// The least of what the three functions below say: the number of threads where nothing else is asked for. At least 1.
uint32_t available_processors();

// Those that the scheduler may run the calling thread on (sched_getaffinity, so `taskset` and a container's cpuset).
uint32_t processors_by_affinity();

// What the quotas of the process's control groups leave, rounded up as other runtimes do (what a quota leaves of a
// period in which all threads run is slept, and still more is done than with a thread less): of version 2 cpu.max, of
// version 1 cpu.cfs_quota_us and cpu.cfs_period_us, the tightest of the group and all those around it that can be seen.
// Read below `root`, "" for the machine's own /proc and /sys; kNoLimit where there is none or it cannot be read.
uint32_t processors_by_quota(const char* root);

// What the user of OpenMP programs says: OMP_NUM_THREADS ("8", or "8,2" with a number for each level of nesting, of
// which mica has one) and OMP_THREAD_LIMIT; either may be null. What is no positive number says nothing: kNoLimit.
uint32_t threads_by_environment(const char* omp_num_threads, const char* omp_thread_limit);

inline constexpr uint32_t kNoLimit = UINT32_MAX;

}  // namespace mica
