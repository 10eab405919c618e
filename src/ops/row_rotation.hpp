// RowRotation: the orthogonal transform R of rows of one width (simd/rotate_kernels.hpp), planned once and copied
// freely. Not where a model rotates: stream_transform.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd_names.hpp"

namespace mica {

class RowRotation {
 public:
  // False for the few widths that cannot be rotated; then there is no plan.
  [[nodiscard]] bool make(size_t width);
  size_t width() const;

  // row = R S row for each of the `blocks` runs of width() floats, in place, by the definition's kernels. Signs may be
  // null: a bit a channel, a word for 32.
  void rotate(float* row, const uint32_t* signs = nullptr, size_t blocks = 1) const;
  // row = S R^T row.
  void rotate_back(float* row, const uint32_t* signs = nullptr, size_t blocks = 1) const;

  const simd::RotationPlan& plan() const;

 private:
  static constexpr size_t kPlanBytes = 784;
  alignas(8) unsigned char plan_[kPlanBytes] = {};  // a simd::RotationPlan, all zeros before make()
};

}  // namespace mica
