// Matrix: the weights of one linear layer as they lie in the model file, and rows of it widened to float. Not its
// product: linear.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dtype.hpp"
#include "kernels.hpp"

namespace mica {

struct Matrix {
  size_t rows = 0;     // output channels
  size_t columns = 0;  // inputs
  DType dtype = DType::f32;
  const uint8_t* data = nullptr;  // row-major, borrowed from the model file
  size_t stride_bytes = 0;        // from row to row
  const float* bias = nullptr;    // [rows], or null

  const uint8_t* row(size_t index) const { return data + index * stride_bytes; }
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

// n values from `src` to float; n is a multiple of the type's block.
void widen_row(const simd::FloatKernels& kernels, DType dtype, float* dst, const uint8_t* src, size_t n);

}  // namespace mica
