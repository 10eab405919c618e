// Balance: moves the size of activations into the weights that read them, channel by channel (as SmoothQuant, arXiv
// 2211.10438), for the head: a final norm has a few channels far above the others.
#pragma once

#include <vector>

#include "matrix.hpp"
#include "rows.hpp"
#include "weights.hpp"

namespace mica {

// Mean squares of each channel of a point's rows.
class ChannelSizes : public RowObserver {
 public:
  explicit ChannelSizes(uint32_t point) : point_(point) {}
  bool observe(const QuantPoint& point, const float* rows, size_t stride, size_t count, size_t visual,
               size_t width) override;

  size_t rows() const { return rows_; }
  const std::vector<double>& squares() const { return squares_; }  // sums over the rows

 private:
  uint32_t point_;
  size_t rows_ = 0;
  std::vector<double> squares_;
};

// The greatest magnitude of a point's rows after their channels were divided by `factors` and, where the vocabulary is
// to be rotated, rotated as the stream's.
class BalancedRange : public RowObserver {
 public:
  // All are borrowed.
  BalancedRange(const Compute& compute, uint32_t point, const std::vector<float>& factors,
                const StreamTransform& stream)
      : compute_(compute), point_(point), factors_(factors), stream_(stream) {}
  bool observe(const QuantPoint& point, const float* rows, size_t stride, size_t count, size_t visual,
               size_t width) override;

  float max() const { return max_; }

 private:
  const Compute& compute_;
  uint32_t point_;
  const std::vector<float>& factors_;
  const StreamTransform& stream_;
  float max_ = 0;
};

// Factors f: activations are divided by them, columns of the weights multiplied; f^2 = rms of the activations over rms of
// the weights. This makes the product of both rows' mean squares least (Cauchy and Schwarz), and with it what rounding
// costs where ranges follow the root mean square, as they do after a rotation. All positive and finite.
std::vector<float> balance(const ChannelSizes& sizes, const simd::Kernels& kernels, const Matrix& weights);

}  // namespace mica
