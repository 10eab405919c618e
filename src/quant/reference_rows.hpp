// ReferenceRows: what the float model's rows of a layer were at its quant points, so that it runs once a layer and not
// once a point. Not the quantized model's rows, which change from point to point.
#pragma once

#include <cstddef>
#include <vector>

#include "calibration_rows.hpp"

namespace mica {

class ReferenceRows {
 public:
  // Runs the layer, the index-th, over all items and keeps what it shows, and its output as the items' rows. Without room
  // for that in memory it does nothing: the float model has to run for every point then.
  void record(LayerRows& rows, Compute compute, const LayerWeights& layer, size_t index);
  bool recorded() const { return !items_.empty(); }
  void replay(size_t item, const QuantPoint& point, RowObserver* observer) const;

 private:
  struct Rows {
    QuantPoint point;
    size_t count, visual, width;
    std::vector<float> values;
  };
  // The rows of one item, which may come in pieces.
  struct Item final : RowObserver {
    bool observe(const QuantPoint& point, const float* values, size_t stride, size_t count, size_t visual,
                 size_t width) override;
    std::vector<Rows> rows;
  };

  std::vector<Item> items_;
};

}  // namespace mica
