// allocate_in_parallel: parallel_for for bodies that may run out of memory. Not for running a model, where nothing
// allocates.
#pragma once

#include <atomic>
#include <exception>

#include "compute.hpp"

namespace mica {

// As parallel_for. Nothing may be thrown past the end of a parallel region: the first failure waits there, the tasks
// that are left do nothing, and behind the region it travels on.
template <class Body>
void allocate_in_parallel(const Compute& compute, size_t tasks, const Body& body) {
  std::exception_ptr failure;
  std::atomic<bool> failed{false};
  parallel_for(compute, tasks, [&](size_t task, int thread) {
    if (failed.load(std::memory_order_relaxed)) return;
    try {
      body(task, thread);
    } catch (...) {
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mica
