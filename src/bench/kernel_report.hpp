// KernelReport: what the kernels of one level reach on this machine, as ratios against something named in the same run.
// Not a list of all kernels (`mica_kernel_tests --bench` prints one): a page that a person reads on a new board.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace mica {

struct KernelFigure {
  std::string kernel;    // "W4A8 product"
  std::string shape;     // "384 x 8960 x 1536"
  double value = 0;      // in `unit`
  std::string unit;      // "GOP/s", "GB/s", "ns a key"
  double ratio = 0;      // of medians ...
  std::string relation;  // ... in words that follow the number: "times as fast as float product (oneDNN), one thread"
};

// Runs every measurement, `repetitions` times each in turns with what it is compared with; a second or two each.
// `level` names one that runs here. `progress(name)` is called before each.
std::vector<KernelFigure> measure_kernels(const char* level, int threads, size_t repetitions,
                                          const std::function<void(const char*)>& progress);

}  // namespace mica
