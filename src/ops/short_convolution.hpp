// ShortConvolution: each channel's sum over a few rows of a sequence, its newest last, with gates before and behind.
// Causal: what came before is a state that the caller keeps. Not convolutions of pictures, which are linear layers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute.hpp"

namespace mica {

struct ConvolutionWeights {
  const float* taps = nullptr;  // [channels][count], that of the row itself last
  const float* bias = nullptr;  // [channels], or null
  size_t channels = 0;
  size_t count = 0;             // from 1 to kConvolutionTapsMax
};

// The rows of one sequence; all pointers are to the first row, and rows are `stride` floats apart.
struct ConvolutionRows {
  float* x = nullptr;              // in place
  const float* gate_in = nullptr;  // multiplied into x before; null: none
  size_t stride = 0;
  size_t count = 0;
  const uint32_t* in_order = nullptr;  // [count]: rows in the order of the sequence; null: as they stand
};

// x[t][c] = bias[c] + sum over k of taps[c][k] * (gate_in * x)[t - (count - 1) + k][c]. `before`: the newest count - 1
// rows of gate_in * x, [count - 1][channels], null: zeros; `after` gets those that follow, null: nobody asks. They may
// be the same. A row's bits do not depend on which rows are given at once.
void short_convolution(const Compute& compute, const ConvolutionWeights& weights, const ConvolutionRows& rows,
                       const float* before, float* after);

}  // namespace mica
