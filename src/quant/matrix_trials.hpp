// MatrixTrials: what few bits cost each matrix of a layer, measured on the float model before any of it is quantized.
// Not who gets which bits: allocation.hpp.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "allocation.hpp"
#include "calibration_rows.hpp"
#include "parts.hpp"
#include "rounding.hpp"
#include "weights.hpp"

namespace mica {

// Of one matrix.
struct MatrixTrial {
  Slot slot;
  size_t rows, columns;
  // For each of kAllocated: the share of the layer's output that its error is expected to be, a mean over rows:
  // measured with the matrix alone rounded to the fewest bits, the others by the squared error that each format leaves
  // in the weights, less what rounding by columns is known to make good of it.
  std::vector<double> cost;
};

struct LayerTrial {
  std::vector<MatrixTrial> matrices;
  double influence = 0;  // 1 less the mean cosine of the rows before and behind the layer
};

// Runs a float layer, the index-th, over some items with each of its matrices rounded in turn. The rows of both streams
// stay what they were. Error: out_of_memory.
Status try_layer(const Compute& compute, LayerRows* rows, const LayerWeights& reference, size_t index, LayerTrial* out);

// All layers of a decoder, whose matrices share a number of bits.
struct AllotJob {
  StreamSpec spec;
  const DecoderWeights& weights;                     // as the checkpoint has them
  std::function<std::string(const Place&)> name_of;  // of a matrix's tensor
  std::function<Status(uint32_t layer)> step;        // called before each layer
  Allocation how;
  double bits_mean;
};
// Tries layer by layer in float, and allocates, by names. The rows of both streams are in the end what they were.
Status allot_bits(const Compute& compute, LayerRows* rows, const AllotJob& job,
                  std::map<std::string, MatrixChoices>* out);

}  // namespace mica
