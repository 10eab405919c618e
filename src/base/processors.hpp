// Processors: how many threads can run at once for this process. How many serve best: fitting_threads.hpp; their
// making: ops/thread_pool.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mica {

inline constexpr size_t kProcessorsMax = 8192;  // that the kernel can be built for

// The least of what the three functions below say: threads beyond it wait for each other. At least 1.
uint32_t available_processors();

// Those that the scheduler may run the calling thread on (sched_getaffinity, so `taskset` and a container's cpuset).
uint32_t processors_by_affinity();
// Their numbers, in `numbers`; at least one.
std::span<const uint16_t> allowed_processors(uint16_t (&numbers)[kProcessorsMax]);

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
