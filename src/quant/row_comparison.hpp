// RowComparison: how far rows of a residual stream are from others. Not whose rows they are.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace mica {

// The mean over rows of |a - b|^2 / |b|^2, and of the cosine of both.
struct RowComparison {
  double distance = 0, cosine = 0;
  size_t rows = 0;

  void add(const std::vector<float>& a, const std::vector<float>& b, size_t count) {
    const size_t width = b.size() / std::max<size_t>(1, count);
    for (size_t r = 0; r < count; ++r) {
      double difference = 0, of_a = 0, of_b = 0, both = 0;
      for (size_t i = r * width; i < (r + 1) * width; ++i) {
        difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
        of_a += static_cast<double>(a[i]) * a[i];
        of_b += static_cast<double>(b[i]) * b[i];
        both += static_cast<double>(a[i]) * b[i];
      }
      if (of_a == 0 || of_b == 0) continue;
      distance += difference / of_b;
      cosine += both / std::sqrt(of_a * of_b);
      ++rows;
    }
  }
  double mean_distance() const { return rows > 0 ? distance / static_cast<double>(rows) : 0; }
  double mean_cosine() const { return rows > 0 ? cosine / static_cast<double>(rows) : 1; }
};

}  // namespace mica
