// Raising: which quant points get more bits than was asked for, so that what all of them lose together is little enough.
// Not what they lose (static_losses.hpp) and not the passes (quantize_passes.cpp).
#pragma once

#include <string>
#include <vector>

#include "quantize.hpp"
#include "static_losses.hpp"

namespace mica {

// A quant point: its matrices stay as they are, have a table of levels, eight bits each, or floats, and then its rows have
// floats too.
struct RaisePoint {
  std::string name;
  struct Reader {
    std::string name;  // in reports
    WeightFormat format;
  };
  std::vector<Reader> matrices;
  WeightFormat format;  // of the fewest bits among them
  double rows_lost;     // the share of its rows' squared values that eight bits lose
  struct Level {
    WeightFormat format;
    double bits, loss;
  };
  std::vector<Level> levels;  // by rising bits; the first is as it was asked for
  size_t chosen = 0;
};

// All points of a pass. What towers lose is shared among their points by the errors of rows and weights there, and where
// weights of fewer than eight bits are the cause, eight are expected to leave what the rows lose.
std::vector<RaisePoint> raise_points(const QuantizeReport& report, const StaticLosses& losses);

// Sets what is chosen: from what was asked for, the raise that gains most a bit comes first, until at most `allowed` is
// lost. False when all have floats.
bool choose_raises(double allowed, std::vector<RaisePoint>* points);

}  // namespace mica
