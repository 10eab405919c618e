// System calls that fail when a test says so: those by which files are opened, read, written and named. For one thread.
// Not the C library's own streams, which mica does not use.
#pragma once

#include <cstddef>

namespace mica::test {

enum class CallFault {
  error,        // the call does nothing and fails
  interrupted,  // EINTR, where the call may give it: it does nothing (close() closes)
  partial,      // reads and writes do one byte
};

// From here on the n-th call (from 1) has the fault, `forever`: and all behind it. `error_number` is for
// CallFault::error.
void fault_call(size_t n, CallFault fault, int error_number, bool forever);
// Ends that; the number of calls that there were.
size_t stop_call_faults();
// The name of the first call that had the fault; empty when none did.
const char* faulted_call();

}  // namespace mica::test
