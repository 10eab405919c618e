// What the command line and environment of mica_kernel_tests say. Not for the tests themselves: harness.hpp is.
#pragma once

#include <cstdint>

namespace mica::kernel_test {

struct Options {
  const char* level = nullptr;  // --level=NAME, MICA_TEST_LEVEL=NAME: this level only
  uint64_t seed = 0;            // --seed=N: other random values
  bool reduced = false;         // --reduced: small sizes, for emulated processors
  const char* bench = nullptr;  // --bench[=KERNEL]: times the kernels whose names have this in them
};
const Options& options();

// On a fault in a guard page: print which buffer and which trial, then exit with 1.
void install_fault_handler();

}  // namespace mica::kernel_test
