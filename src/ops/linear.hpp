// Linear: rows times a matrix, with what follows it. One function for prefill and decode, whatever the storage of the
// weights. Not norms or activations: those produce its input.
#pragma once

#include <cstddef>

#include "compute.hpp"
#include "matrix.hpp"
#include "rows.hpp"

namespace mica {

struct LinearFinish {
  bool add = false;              // dst += instead of dst =: the residual stream
  const float* scale = nullptr;  // one a channel, after the bias: LayerScale
};

// dst[r][c] = (add ? dst[r][c] : 0) + scale[c] * (sum_i src[r][i] * matrix[c][i] + bias[c]), dst rows `dst_stride`
// floats apart. Rows are int8 if and only if the matrix is packed. The bits do not depend on the number of threads.
void linear(const Compute& compute, float* dst, size_t dst_stride, const Rows& src, const Matrix& matrix,
            const LinearFinish& finish = {});

// Bytes of Compute::scratch that `linear` needs a thread for this matrix.
size_t linear_scratch_bytes(const Matrix& matrix);

}  // namespace mica
