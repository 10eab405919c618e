// Fitting threads: how many threads serve best where nobody says it, by the cores that a process may use. Not a
// placement: the scheduler puts work on the cores that have most to give by itself.
#pragma once

#include <cstdint>
#include <span>

namespace mica {

struct ThreadCounts {
  uint32_t prompts;  // for chunks of rows and pictures, bound by products: a thread for each core that is not slow
  uint32_t answers;  // for single rows, bound by memory: which half of the large cores can fill, but four at least
};

// Cores by capacity and siblings (/sys/devices/system/cpu), those that the process may use (affinity), the quotas of
// its control groups; OMP_NUM_THREADS is the user's word for both, OMP_THREAD_LIMIT a bound. At least 1 each.
ThreadCounts fitting_threads();

// By the cores alone. `processors`: the numbers of those that may be used. A core counts once, whatever threads it has
// (products leave nothing to a second one), and not where it has less than half of the largest one's capacity: others
// would wait for it. Read below `root`, "" for the machine's own; what cannot be read is a core like any other.
ThreadCounts threads_by_cores(const char* root, std::span<const uint16_t> processors);

}  // namespace mica
