// StateMixing: what stands in attention's place in layers that keep a state: a gated short convolution, or the gated
// delta rule behind one. Not the arithmetic (ops/), and not where states are kept (layer_states.hpp).
#pragma once

#include "block.hpp"
#include "decoder.hpp"

namespace mica {

// From what the layer projected its rows to (buffers.qkv) to what its output matrix reads (buffers.rows.values), for
// each part in the order of its own sequence.
void mix_by_convolution(const Compute& compute, const DecoderSpec& decoder, const LayerWeights& layer, size_t index,
                        const BlockBuffers& buffers, DecoderParts parts);
void mix_by_delta_rule(const Compute& compute, const DecoderSpec& decoder, const LayerWeights& layer, size_t index,
                       const BlockBuffers& buffers, DecoderParts parts);
// Of Compute::scratch, what a layer of any kind needs here.
size_t state_mixing_scratch_bytes(const DecoderSpec& decoder);

}  // namespace mica
