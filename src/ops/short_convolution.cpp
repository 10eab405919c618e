// ShortConvolution: blocks of channels, each with its newest inputs in a ring. Not what is around it: engine.
#include "short_convolution.hpp"

#include <algorithm>

#include "layer_kinds.hpp"

namespace mica {
namespace {

using limits::kConvolutionTapsMax;

constexpr size_t kBlock = 64;  // channels

// One block of channels on its way through the rows.
struct BlockOfChannels {
  float taps[kConvolutionTapsMax][kBlock];
  float held[kConvolutionTapsMax][kBlock];  // a ring of the newest count - 1 inputs
  float sums[kBlock];
};

void load(const ConvolutionWeights& weights, size_t first, size_t width, const float* before, BlockOfChannels* block) {
  const size_t held = weights.count - 1;
  for (size_t c = 0; c < width; ++c)
    for (size_t k = 0; k < weights.count; ++k) block->taps[k][c] = weights.taps[(first + c) * weights.count + k];
  for (size_t k = 0; k < held; ++k)
    for (size_t c = 0; c < width; ++c) block->held[k][c] = before ? before[k * weights.channels + first + c] : 0.0f;
}

void convolve_row(const ConvolutionWeights& weights, size_t first, size_t width, size_t oldest, float* x,
                  const float* gate, BlockOfChannels* block) {
  const size_t held = weights.count - 1;
  float* sums = block->sums;
  for (size_t c = 0; gate && c < width; ++c) x[c] *= gate[c];
  for (size_t c = 0; c < width; ++c) sums[c] = weights.bias ? weights.bias[first + c] : 0.0f;
  for (size_t k = 0; k < held; ++k) {
    const size_t place = oldest + k < held ? oldest + k : oldest + k - held;
    for (size_t c = 0; c < width; ++c) sums[c] += block->taps[k][c] * block->held[place][c];
  }
  for (size_t c = 0; c < width; ++c) sums[c] += block->taps[held][c] * x[c];
  if (held > 0) std::copy_n(x, width, block->held[oldest]);
  std::copy_n(sums, width, x);
}

}  // namespace

void short_convolution(const Compute& compute, const ConvolutionWeights& weights, const ConvolutionRows& rows,
                       const float* before, float* after) {
  const size_t held = weights.count - 1;
  parallel_for(compute, ceil_div(weights.channels, kBlock), [&](size_t task, int) {
    const size_t first = task * kBlock, width = std::min(kBlock, weights.channels - first);
    BlockOfChannels block;
    load(weights, first, width, before, &block);
    size_t oldest = 0;
    for (size_t t = 0; t < rows.count; ++t) {
      const size_t offset = (rows.in_order ? rows.in_order[t] : t) * rows.stride + first;
      convolve_row(weights, first, width, oldest, rows.x + offset, rows.gate_in ? rows.gate_in + offset : nullptr,
                   &block);
      oldest = oldest + 1 < held ? oldest + 1 : 0;
    }
    for (size_t k = 0; after && k < held; ++k, oldest = oldest + 1 < held ? oldest + 1 : 0)
      std::copy_n(block.held[oldest], width, after + k * weights.channels + first);
  });
}

}  // namespace mica
