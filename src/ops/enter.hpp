// Enter: the producers of rows for linear layers. Each makes floats, or int8 directly under the point's static scales
// when the matrix that reads them is packed; nothing is ever searched at run time. Not the products: linear.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute.hpp"
#include "layer_kinds.hpp"
#include "matrix.hpp"
#include "row_rotation.hpp"
#include "rows.hpp"

namespace mica {

// Where produced rows lie, for `rows` rows of up to `width` values. One set serves a loop: rows are read before the
// next are made.
struct RowBuffers {
  float* values = nullptr;      // [rows][width]
  int8_t* quantized = nullptr;  // [rows][width padded to 32]
  int32_t* sums = nullptr;      // [rows]
  float* rank1 = nullptr;       // [rows]
  float* kept = nullptr;        // [rows][kKeptChannelsMax]
};

struct NormWeights {
  const float* weight = nullptr;     // null: ones (folded into the matrices, or there is no such norm)
  const float* bias = nullptr;       // null: zeros
  // Of a LayerNorm in a rotated stream: the unit vector of the mean (static_format.hpp).
  const float* direction = nullptr;
};

// dst = norm(src), row by row; `dst` may be `src`.
void norm_rows(const Compute& compute, Norm norm, const NormWeights& weights, float epsilon, float* dst,
               size_t dst_stride, const float* src, size_t src_stride, size_t rows, size_t width);

// norm(src) for `reader`.
Rows enter_norm(const Compute& compute, const QuantPoint& point, const Matrix& reader, Norm norm,
                const NormWeights& weights, float epsilon, const float* src, size_t src_stride, size_t rows,
                size_t visual, size_t width, const RowBuffers& buffers);

// src as it is, for `reader`; float rows stay in place.
Rows enter_rows(const Compute& compute, const QuantPoint& point, const Matrix& reader, const float* src,
                size_t src_stride, size_t rows, size_t visual, size_t width, const RowBuffers& buffers);

// function(src) [* factor]; rows lie at the stride of where they go.
struct Activated {
  Activation function;
  const float* src;
  const float* factor;  // null: none; may be neither src nor the destination
};

// R function(src) [* factor] for `reader`, whose rank-1 term gets channel 0 where it has one, and whose kept channels
// are taken out before the rotation. A null rotation rotates nothing. Floats come to lie in dst, [rows][stride], which
// may be activated.src; for a packed reader it is scratch.
Rows enter_activated(const Compute& compute, const QuantPoint& point, const Matrix& reader, const Activated& activated,
                     const RowRotation* rotation, float* dst, size_t stride, size_t rows, size_t visual,
                     size_t width, const RowBuffers& buffers);

// dst = function(src) [* factor], one row; dst may be src.
void activate_row(const simd::Kernels& kernels, Activation function, float* dst, const float* src,
                  const float* factor, size_t width);

// Rows of the residual stream into its rotated space and back, in place: R S x and S R^T x.
void rotate_rows(const Compute& compute, const RowRotation& rotation, const uint32_t* signs, float* x, size_t stride,
                 size_t rows, bool inverse);

// x[row] += scale * terms[row], rows of `width` floats behind each other; a null scale is ones.
void add_rows(const Compute& compute, float* x, const float* terms, size_t rows, size_t width,
              const float* scale = nullptr);
// x[row] *= sigmoid(gates[row]), `width` floats of each.
void gate_rows(const Compute& compute, float* x, size_t x_stride, const float* gates, size_t gate_stride, size_t rows,
               size_t width);
// An RMSNorm of each head of each row, in place; none where the weight is null.
void norm_heads(const Compute& compute, const float* weight, float epsilon, float* x, size_t stride, size_t rows,
                size_t heads, size_t head_dim);

}  // namespace mica
