// Compute: what every op is given to work with: the kernels of one level, threads, scratch for each of them. Results
// never depend on the number of threads (DESIGN: tiles are fixed by shapes).
#pragma once

#include <cstddef>
#include <cstdint>

#include "checked.hpp"
#include "simd_names.hpp"
#include "thread_pool.hpp"

namespace mica {

class RowObserver;

struct Compute {
  const simd::Kernels* kernels = nullptr;
  // Null: the calling thread works alone.
  ThreadPool* pool = nullptr;
  // A piece of scratch_bytes for each thread, 64-byte aligned; ops say what they need by *_scratch_bytes.
  uint8_t* scratch = nullptr;
  size_t scratch_bytes = 0;
  // Rows are of several sequences: each gives the bits that it gives alone, which float products of many rows do not.
  bool rows_apart = false;
  // Sees every row that enters a linear layer; null but for calibration (rows.hpp).
  RowObserver* observer = nullptr;

  template <class T>
  T* scratch_of(int thread) const {
    return reinterpret_cast<T*>(scratch + static_cast<size_t>(thread) * scratch_bytes);
  }
};

// Calls body(task, thread) for every task in [0, tasks), tasks handed out one by one, since causal work is uneven.
template <class Body>
void parallel_for(const Compute& compute, size_t tasks, const Body& body) {
  if (compute.pool == nullptr) {
    for (size_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  compute.pool->run(
      tasks, [](const void* self, size_t task, int thread) { (*static_cast<const Body*>(self))(task, thread); }, &body);
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
