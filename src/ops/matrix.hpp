// Matrix: the weights of one linear layer as they lie in the model file, and rows of it widened to float. Not its
// product: linear.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dtype.hpp"
#include "kernels.hpp"
#include "pack.hpp"

namespace mica {

// How the values lie: row-major in a DType, or integers in panels (simd/pack.hpp) with a scale a row.
enum class MatrixLayout : uint8_t { rows, panels_u4, panels_s8 };

inline constexpr uint32_t kKeptChannelsMax = 16;

struct Matrix {
  size_t rows = 0;     // output channels
  size_t columns = 0;  // inputs
  MatrixLayout layout = MatrixLayout::rows;
  DType dtype = DType::f32;       // of MatrixLayout::rows
  const uint8_t* data = nullptr;  // borrowed from the model file; panels are 64-byte aligned
  size_t stride_bytes = 0;        // from row to row, or from panel to panel
  const float* bias = nullptr;    // [rows], or null
  const float* scale = nullptr;   // [rows], of panels: weight = scale * integer
  const float* rank1 = nullptr;   // [rows], of panels: the weights of the input that stays float (MQuant, RMS), or null
  // Of panels whose inputs are rotated online: channels whose rare, huge values are taken out before the rotation and
  // multiplied in float ("massive activations", arXiv 2402.17762: one token's value would fix the scale of all).
  const uint32_t* kept_channels = nullptr;  // [kept_count]
  const float* kept = nullptr;              // [kept_count][rows]
  uint32_t kept_count = 0;                  // at most kKeptChannelsMax

  bool is_packed() const { return layout != MatrixLayout::rows; }

  const uint8_t* row(size_t index) const { return data + index * stride_bytes; }
  // From the first row or panel to the end of the last.
  size_t bytes() const { return stride_bytes * (is_packed() ? simd::panel_count(rows) : rows); }
  // Rows [first, first + count) as a matrix of their own: a fused projection is three slices.
  Matrix slice(size_t first, size_t count) const {
    Matrix part = *this;
    part.rows = count;
    part.data = row(first);
    part.bias = bias ? bias + first : nullptr;
    return part;
  }
};

// Types that a matrix may have; others are refused when a model is opened.
bool is_weight_dtype(DType dtype);

// Row `index` of a matrix in any layout, `columns` floats.
void widen_matrix_row(const simd::FloatKernels& kernels, const Matrix& matrix, size_t index, float* dst);

// n values from `src` to float; n is a multiple of the type's block.
void widen_row(const simd::FloatKernels& kernels, DType dtype, float* dst, const uint8_t* src, size_t n);

}  // namespace mica
