// Balance: moves the range of activations into the weights that read them, channel by channel (SmoothQuant, arXiv
// 2211.10438), for the head: its rows are not rotated, and a final norm has a few channels far above the others.
#pragma once

#include <vector>

#include "matrix.hpp"
#include "rows.hpp"

namespace mica {

// Magnitudes and mean squares of each channel of a point's rows.
class ChannelSizes : public RowObserver {
 public:
  explicit ChannelSizes(uint32_t point) : point_(point) {}
  bool observe(const QuantPoint& point, const float* rows, size_t stride, size_t count, size_t visual, size_t width) override;

  size_t rows() const { return rows_; }
  const std::vector<float>& max() const { return max_; }
  const std::vector<double>& squares() const { return squares_; }  // sums over the rows

 private:
  uint32_t point_;
  size_t rows_ = 0;
  std::vector<float> max_;
  std::vector<double> squares_;
};

// Factors s: activations are divided by them, columns of the weights multiplied. s = max^a, with the exponent a for which
// the rounding of activations and of 8-bit weights together costs least. All positive and finite.
std::vector<float> balance(const ChannelSizes& sizes, const simd::FloatKernels& kernels, const Matrix& weights);

}  // namespace mica
