// Compute: what every op is given to work with: the kernels of one level, a number of threads, scratch for each of
// them. Not a thread pool: OpenMP has one. Results never depend on the number of threads (DESIGN: tiles are fixed by
// shapes).
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "checked.hpp"
#include "kernels.hpp"

namespace mica {

class RowObserver;

struct Compute {
  const simd::Kernels* kernels = nullptr;
  int threads = 1;
  // threads pieces of scratch_bytes each, 64-byte aligned; ops say what they need by *_scratch_bytes.
  uint8_t* scratch = nullptr;
  size_t scratch_bytes = 0;
  // Sees every row that enters a linear layer; null but for calibration (rows.hpp).
  RowObserver* observer = nullptr;

  template <class T>
  T* scratch_of(int thread) const {
    return reinterpret_cast<T*>(scratch + static_cast<size_t>(thread) * scratch_bytes);
  }
};

// Calls body(task, thread) for every task in [0, tasks), tasks handed out one by one, since causal work is uneven.
template <class Body>
void parallel_for([[maybe_unused]] const Compute& compute, size_t tasks, const Body& body) {
#if defined(_OPENMP)
#pragma omp parallel num_threads(compute.threads) if (tasks > 1)
  {
    const int thread = omp_get_thread_num();
#pragma omp for schedule(dynamic)
    for (size_t task = 0; task < tasks; ++task) body(task, thread);
  }
#else
  for (size_t task = 0; task < tasks; ++task) body(task, 0);
#endif
}

// Calls body(row) for every row, a few rows a task.
template <class Body>
void for_rows(const Compute& compute, size_t rows, const Body& body) {
  constexpr size_t kTaskRows = 8;
  parallel_for(compute, ceil_div(rows, kTaskRows), [&](size_t task, int) {
    const size_t end = rows - task * kTaskRows < kTaskRows ? rows : (task + 1) * kTaskRows;
    for (size_t row = task * kTaskRows; row < end; ++row) body(row);
  });
}

}  // namespace mica
