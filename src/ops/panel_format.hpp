// A packed matrix as the kernels see it; of formats simd counts without WeightFormat::floats. For the ops alone.
#pragma once

#include "matrix.hpp"
#include "pack.hpp"
#include "weight_format.hpp"

namespace mica {

inline simd::PanelFormat panel_format(WeightFormat format) {
  return static_cast<simd::PanelFormat>(static_cast<size_t>(format) - 1);
}

inline simd::PanelMatrix panel_matrix(const Matrix& matrix) {
  return {.panels = matrix.data, .inputs = matrix.columns, .channels = matrix.rows, .levels = matrix.levels};
}

}  // namespace mica
