// Rows and quant points: what flows into a linear layer. A QuantPoint is a named place where rows of activations enter
// one, and all that differs between float, calibration and static runs. Not the layers themselves (linear.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica {

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

}  // namespace mica
