// Rows and quant points: what flows into a linear layer. A QuantPoint is a named place where rows of activations enter
// one, and all that differs between float, calibration and static runs. Not the layers themselves (linear.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica {

// Sees rows on their way into a linear layer while a model is calibrated.
class RowObserver {
 public:
  // rows: [count][width] floats, `stride` apart; the first `visual` of them are visual.
  virtual void observe(const struct QuantPoint& point, const float* rows, size_t stride, size_t count, size_t visual,
                       size_t width) = 0;

 protected:
  ~RowObserver() = default;
};

struct QuantPoint {
  uint32_t index = 0;  // among all quant points of the model; names are made from it (model.hpp)
};

// Activations that enter a linear layer. Rows [0, visual) are visual, [visual, count) text (AIFS: DESIGN 2).
struct Rows {
  size_t count = 0;
  size_t visual = 0;
  size_t width = 0;
  const float* values = nullptr;  // [count][width], `stride` floats apart
  size_t stride = 0;
};

}  // namespace mica
