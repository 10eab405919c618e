// Sensitivity: what a decoder's own probabilities, or a tower's last rows, lose when one of its layers, or one kind of
// matrix in all of them, has the fewest bits. Not what a matrix's error is at its layer's output: matrix_trials.hpp.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "calibration_rows.hpp"
#include "parts.hpp"
#include "weights.hpp"

namespace mica {

// What was lost by itself: by layer, and by kind.
struct Losses {
  std::vector<double> layers;
  std::map<Slot, double> kinds;
};

// A matrix and its cost.
struct MatrixCost {
  uint32_t layer;
  Slot kind;
  double cost;
};

// Multiplies each cost by a factor of its layer and by one of its kind, so that the sums over a layer and those over a
// kind come as near to what was lost as both can (iterative proportional fitting).
void fit_costs(const Losses& losses, std::vector<MatrixCost>* costs);

// Multiplies each cost by what layers behind its own leave of it, and all by one factor, so that their sum stays: a
// layer is rounded for the rows that those before it give, and makes up for some of what these have lost.
void weigh_by_depth(std::vector<MatrixCost>* costs);

// Gives the logits of some rows of the residual stream behind the last layer.
using LogitsOfRows = std::function<void(const std::vector<float>& x, std::span<const uint32_t> rows, float* logits)>;

// A run for each layer and one for each kind, side by side through the float layers, so that each layer is made once.
class SensitivityRuns {
 public:
  explicit SensitivityRuns(LayerRows* rows);

  // All runs a layer further: those of kinds and the layer's own meet matrices of `rounded`, which has those of the
  // layer with fewest bits. The reference stream is in front of the layer; the quantized stream's rows are kept.
  void pass(const Compute& compute, const LayerWeights& reference, const LayerWeights& rounded, uint32_t layer);
  // Behind the last layer, which the reference stream has passed: the mean divergence of each run's probabilities from
  // those of the reference, or where no logits follow (null) the share of the rows themselves that is another.
  Losses losses(const LogitsOfRows& logits, size_t vocabulary) const;

 private:
  using States = std::vector<LayerRows::State>;  // by item
  States reference_states() const;
  void run(const Compute& compute, const LayerWeights& layer, size_t index, States* states);

  LayerRows* rows_;
  std::vector<size_t> items_;
  std::vector<States> layers_;
  std::map<Slot, States> kinds_;
};

}  // namespace mica
