// Median: what reports say of repeated timings and of many errors. Not a mean: machines are shared.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace mica {

// The upper of both middle values where their number is even; 0 of none.
inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace mica
