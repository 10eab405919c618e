// RowMoments: what rounding needs to know of the rows that enter a quant point: second moments for GPTQ, and how they
// differ from the float model's. Not ranges: row_ranges.hpp.
#pragma once

#include <cstddef>
#include <vector>

#include "compute.hpp"
#include "row_rotation.hpp"
#include "status.hpp"

namespace mica {

// With rows x of the quantized model and rows y of the float model at the same places:
//   second[i][j] = sum x[i] x[j],   drift[j][i] = sum x[j] (y[i] - x[i]).
class RowMoments {
 public:
  // Errors: out_of_memory.
  Status create(size_t width);
  // `count` rows of each of one sample, `width` floats apart, both in the same order.
  void add(const Compute& compute, const float* rows, const float* reference, size_t count);
  // Completes the sums; before this they are not to be read.
  void finish(const Compute& compute);
  // As if channel `channel` were zero in all rows.
  void clear_channel(size_t channel);
  // As if these channels had been zero before the rows were rotated by `plan` (null: they were not).
  void clear_before_rotation(const Compute& compute, const RowRotation* rotation,
                             const std::vector<uint32_t>& channels);

  size_t width() const { return width_; }
  size_t rows() const { return rows_; }
  size_t samples() const { return samples_; }  // that these are of
  const float* second() const { return second_.data(); }
  const float* drift() const { return drift_.data(); }

 private:
  void flush(const Compute& compute);

  size_t width_ = 0;
  size_t rows_ = 0, samples_ = 0;
  size_t held_ = 0;               // rows that wait in the transposed buffers
  std::vector<float> second_;     // [width][width], the lower triangle until finish()
  std::vector<float> drift_;      // [width][width]
  std::vector<float> rows_held_;  // [width][kSlab]: transposed, so that products run along the rows
  std::vector<float> drift_held_;
};

}  // namespace mica
