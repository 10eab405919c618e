// MatrixTrials: what few bits cost each matrix of a layer, measured on the float model before any of it is quantized.
// Not who gets which bits: allocation.hpp.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "allocation.hpp"
#include "calibration_rows.hpp"
#include "low_rank.hpp"
#include "parts.hpp"
#include "rounding.hpp"
#include "sensitivity.hpp"
#include "weights.hpp"

namespace mica {

// Of one matrix.
struct MatrixTrial {
  Slot slot;
  size_t rows, columns;
  // The share of the layer's output that its error is with the fewest bits, a mean over rows: measured with the matrix
  // alone moved as far as rounding by columns is known to move it.
  double cost;
  // How it may be stored, by rising bits: costs are over that of the fewest bits, as squared errors in the weights, or
  // of two factors in what the matrix gives, are over that of the fewest bits.
  std::vector<FormatChoice> choices;
};

struct LayerTrial {
  std::vector<MatrixTrial> matrices;
  LayerWeights rounded;  // the layer with the fewest bits in all matrices, in float
  double influence = 0;  // 1 less the mean cosine of the rows before and behind the layer
};

// What query and key matrices may be beside whole.
struct FactorTrials {
  LowRank low_rank;
  bool rotate;
};

// All layers of a stream, whose matrices share a number of bits.
struct AllotJob {
  StreamSpec spec;
  const std::vector<LayerWeights>& layers;           // as the checkpoint has them
  const StreamTransform& stream;
  std::function<std::string(const Place&)> name_of;  // of a matrix's tensor
  std::function<Status(uint32_t layer)> step;        // called before each layer
  LogitsOfRows logits;                               // as SensitivityRuns::losses takes them
  size_t vocabulary;
  Allocation how;
  AllocatedFormats formats;
  FactorTrials factors;
  bool by_columns;  // is how they will be rounded; else to the nearest
  double bits_mean;
};

// Runs a float layer, the index-th, over some items with each of its matrices rounded in turn. The rows of both streams
// stay what they were. Rounded matrices live in `memory`. Error: out_of_memory.
Status try_layer(const Compute& compute, LayerRows* rows, const LayerWeights& reference, size_t index,
                 const AllotJob& job, OwnedBytes* memory, LayerTrial* out);

// Tries layer by layer in float, and allocates: what matrices cost their layers, weighed by what layers and kinds cost
// the whole (sensitivity.hpp). Adds to `out`, by tensors' names; `expected` is filled by Allocation::error. The rows of
// both streams are in the end what they were.
Status allot_bits(const Compute& compute, LayerRows* rows, const AllotJob& job,
                  std::map<std::string, MatrixChoices>* out, ExpectedLoss* expected);

}  // namespace mica
