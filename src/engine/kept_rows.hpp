// KeptRows: products of a matrix whose checkpoint says what its rows may be: within bounds (Gemma 4's tower), or whole
// multiples of a step (static ranges of quantization-aware training). Not quant points, which mica's own files have.
#pragma once

#include <cstddef>

#include "compute.hpp"
#include "enter.hpp"
#include "matrix.hpp"
#include "rows.hpp"

namespace mica {

// dst = matrix(in) for rows of floats, within the bounds and on the steps of the matrix. `room`: as many floats as the
// rows have; integers come to lie in `buffers`.
void multiply_kept(const Compute& compute, float* dst, size_t stride, const Rows& in, const Matrix& matrix, float* room,
                   const RowBuffers& buffers);

}  // namespace mica
