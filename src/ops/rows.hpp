// Rows and quant points: what flows into a linear layer. A QuantPoint is a named place where rows of activations enter
// one, and all that differs between float, calibration and static runs. Not the layers themselves (linear.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "matrix.hpp"

namespace mica {

// Bytes of a row of int8 activations: padded with zeros, as the kernels read them.
constexpr size_t quantized_row_bytes(size_t width) { return (width + 31) / 32 * 32; }

struct QuantPoint {
  uint32_t index = 0;        // among all quant points of the model, in the order of weights.cpp
  float scale_visual = 0;    // int8 = round(value / scale), |int8| <= 127; zero: no static scale
  float scale_text = 0;
};

// Sees rows on their way into a linear layer while a model is calibrated (Compute::observer).
class RowObserver {
 public:
  // rows: [count][width] floats, `stride` apart, after norm or rotation, as the matrix reads them; the first `visual`
  // are visual. Called from one thread. Returns false when nothing behind this point is wanted: the layer stops there,
  // and its residual stream is of no use.
  [[nodiscard]] virtual bool observe(const QuantPoint& point, const float* rows, size_t stride, size_t count,
                                     size_t visual, size_t width) = 0;

 protected:
  ~RowObserver() = default;
};

// Activations that enter a linear layer: floats, or int8 with the sums that undo the offset of 4-bit weights. Rows
// [0, visual) are visual, [visual, count) text (AIFS: DESIGN 2).
struct Rows {
  size_t count = 0;                    // none: an observer stopped here
  size_t visual = 0;
  size_t width = 0;
  size_t stride = 0;                   // values from row to row
  const float* values = nullptr;       // [count][width], or null
  const int8_t* quantized = nullptr;   // [count][width padded to 32 with zeros], or null
  const int32_t* sums = nullptr;       // [count], with `quantized`
  const float* rank1 = nullptr;        // [count]: the value that was kept out of `quantized` (MQuant, RMS), or null
  const float* kept = nullptr;         // [count][kKeptChannelsMax]: of the channels that were taken out, or null
  float scale_visual = 0, scale_text = 0;
};

// Rows of floats behind each other, for a matrix that is not packed and whose rows no observer asks for.
inline Rows float_rows(const float* values, size_t count, size_t width) {
  Rows rows;
  rows.count = count;
  rows.width = rows.stride = width;
  rows.values = values;
  return rows;
}

// Rows [first, end) of them.
inline Rows rows_between(const Rows& rows, size_t first, size_t end) {
  Rows out = rows;
  out.count = end - first;
  out.visual = rows.visual <= first ? 0 : rows.visual < end ? rows.visual - first : end - first;
  if (rows.values) out.values += first * rows.stride;
  if (rows.quantized) out.quantized += first * quantized_row_bytes(rows.width);
  if (rows.sums) out.sums += first;
  if (rows.rank1) out.rank1 += first;
  if (rows.kept) out.kept += first * kKeptChannelsMax;
  return out;
}

}  // namespace mica
