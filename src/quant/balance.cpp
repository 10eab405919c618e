// Balance: a search over one exponent by the predicted rounding errors. Not the rounding itself: rounding.hpp.
#include "balance.hpp"

#include <algorithm>
#include <cmath>

namespace mica {
namespace {

constexpr double kLevels = 127;
// Rows of the weights that the prediction looks at, evenly spread: their statistics are alike.
constexpr size_t kRowsSampled = 512;

// Twelve times the mean squared error of an output, by the rule that a rounding error is uniform in its step.
double predicted_error(const std::vector<float>& factors, const ChannelSizes& sizes, const std::vector<float>& rows) {
  const size_t width = factors.size();
  double largest = 0, spread = 0;
  for (size_t i = 0; i < width; ++i) {
    largest = std::max(largest, static_cast<double>(sizes.max()[i]) / factors[i]);
    spread += sizes.squares()[i] / static_cast<double>(sizes.rows()) / (static_cast<double>(factors[i]) * factors[i]);
  }
  double weights = 0, steps = 0;
  for (size_t r = 0; r < rows.size(); r += width) {
    double peak = 0;
    for (size_t i = 0; i < width; ++i) {
      const double weight = static_cast<double>(rows[r + i]) * factors[i];
      peak = std::max(peak, std::fabs(weight));
      weights += weight * weight;
    }
    steps += peak * peak / (kLevels * kLevels);
  }
  return weights * largest * largest / (kLevels * kLevels) + steps * spread;
}

}  // namespace

bool ChannelSizes::observe(const QuantPoint& point, const float* rows, size_t stride, size_t count, size_t, size_t width) {
  if (point.index != point_) return true;
  max_.resize(width);
  squares_.resize(width);
  for (size_t r = 0; r < count; ++r)
    for (size_t i = 0; i < width; ++i) {
      const float value = rows[r * stride + i];
      max_[i] = std::max(max_[i], std::fabs(value));
      squares_[i] += static_cast<double>(value) * value;
    }
  rows_ += count;
  return false;
}

std::vector<float> balance(const ChannelSizes& sizes, const simd::FloatKernels& kernels, const Matrix& weights) {
  const size_t width = weights.columns;
  const size_t step = std::max<size_t>(1, weights.rows / kRowsSampled);
  std::vector<float> rows;
  for (size_t r = 0; r < weights.rows; r += step) {
    rows.resize(rows.size() + width);
    widen_matrix_row(kernels, weights, r, rows.data() + rows.size() - width);
  }
  std::vector<float> best(width, 1.0f);
  double least = predicted_error(best, sizes, rows);
  for (int tenths = 1; tenths <= 10; ++tenths) {
    std::vector<float> factors(width, 1.0f);
    for (size_t i = 0; i < width; ++i)
      if (sizes.max()[i] > 0) factors[i] = std::pow(sizes.max()[i], 0.1f * static_cast<float>(tenths));
    const double error = predicted_error(factors, sizes, rows);
    if (error < least) {
      least = error;
      best = factors;
    }
  }
  return best;
}

}  // namespace mica
