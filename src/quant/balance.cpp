// Balance: factors from mean squares. Not rounding: rounding.hpp.
#include "balance.hpp"

#include <algorithm>
#include <cmath>

#include "enter.hpp"

namespace mica {
namespace {

// Rows of the weights that are looked at, evenly spread: their statistics are alike.
constexpr size_t kRowsSampled = 4096;
// Factors further from 1 would only serve channels that hardly take part.
constexpr double kFactorMost = 1024;

}  // namespace

bool ChannelSizes::observe(const QuantPoint& point, const float* rows, size_t stride, size_t count, size_t,
                           size_t width) {
  if (point.index != point_) return true;
  squares_.resize(width);
  for (size_t r = 0; r < count; ++r)
    for (size_t i = 0; i < width; ++i) squares_[i] += static_cast<double>(rows[r * stride + i]) * rows[r * stride + i];
  rows_ += count;
  return false;
}

bool BalancedRange::observe(const QuantPoint& point, const float* rows, size_t stride, size_t count, size_t,
                            size_t width) {
  if (point.index != point_) return true;
  std::vector<float> balanced(count * width);
  for (size_t r = 0; r < count; ++r)
    for (size_t i = 0; i < width; ++i) balanced[r * width + i] = rows[r * stride + i] / factors_[i];
  if (stream_.vocabulary_rotation)
    rotate_rows(compute_, stream_.residual_plan, stream_.signs.data(), balanced.data(), width, count, false);
  for (const float value : balanced) max_ = std::max(max_, std::fabs(value));
  return false;
}

std::vector<float> balance(const ChannelSizes& sizes, const simd::Kernels& kernels, const Matrix& weights) {
  const size_t width = weights.columns;
  const size_t step = std::max<size_t>(1, weights.rows / kRowsSampled);
  std::vector<double> squares(width);
  std::vector<float> row(width);
  size_t rows = 0;
  for (size_t r = 0; r < weights.rows; r += step, ++rows) {
    widen_matrix_row(kernels, weights, r, row.data());
    for (size_t i = 0; i < width; ++i) squares[i] += static_cast<double>(row[i]) * row[i];
  }
  std::vector<float> factors(width, 1.0f);
  for (size_t i = 0; i < width; ++i) {
    const double activation = sizes.squares()[i] / static_cast<double>(sizes.rows());
    const double weight = squares[i] / static_cast<double>(rows);
    if (!(activation > 0) || !(weight > 0)) continue;
    factors[i] = static_cast<float>(std::clamp(std::pow(activation / weight, 0.25), 1 / kFactorMost, kFactorMost));
  }
  return factors;
}

}  // namespace mica
