// StateMixing: where things lie in a projected row. See state_mixing.hpp.
#include "state_mixing.hpp"

#include "delta_rule.hpp"
#include "layer_states.hpp"
#include "short_convolution.hpp"

namespace mica {
namespace {

LayerStates::Place place_of(const DecoderPart& part, size_t layer) {
  return part.states ? part.states->place(layer) : LayerStates::Place{};
}

template <class T>
T* behind(T* state, size_t floats) {
  return state ? state + floats : nullptr;
}

DeltaShape delta_shape(const DeltaSpec& delta) {
  return {.key_heads = delta.key_heads,
          .value_heads = delta.value_heads,
          .key_dim = delta.key_dim,
          .value_dim = delta.value_dim,
          .in_turns = delta.in_turns};
}

size_t rows_of(DecoderParts parts) {
  size_t rows = 0;
  for (const DecoderPart& part : parts) rows += part.chunk.count;
  return rows;
}

}  // namespace

// A projected row: the gate before the convolution, the one behind it, and what is convolved.
void mix_by_convolution(const Compute& compute, const DecoderSpec& decoder, const LayerWeights& layer, size_t index,
                        const BlockBuffers& buffers, DecoderParts parts) {
  const size_t hidden = decoder.hidden, stride = buffers.qkv_stride;
  const ConvolutionWeights weights{.taps = layer.vectors[Slot::convolution],
                                   .bias = layer.vectors[Slot::convolution_bias],
                                   .channels = hidden,
                                   .count = decoder.convolution_taps};
  float* row = buffers.qkv;
  for (const DecoderPart& part : parts) {
    const LayerStates::Place state = place_of(part, index);
    short_convolution(compute, weights,
                      {.x = row + 2 * hidden,
                       .gate_in = row,
                       .stride = stride,
                       .count = part.chunk.count,
                       .in_order = part.chunk.in_order},
                      state.before, state.after);
    row += part.chunk.count * stride;
  }
  for_rows(compute, rows_of(parts), [&](size_t r) {
    const float* gate = buffers.qkv + r * stride + hidden;
    const float* convolved = gate + hidden;
    float* out = buffers.rows.values + r * hidden;
    for (size_t i = 0; i < hidden; ++i) out[i] = gate[i] * convolved[i];
  });
}

// A projected row: queries, keys and values, which are convolved; the gate of what is given; strengths; decays.
void mix_by_delta_rule(const Compute& compute, const DecoderSpec& decoder, const LayerWeights& layer, size_t index,
                       const BlockBuffers& buffers, DecoderParts parts) {
  const DeltaSpec& delta = decoder.delta;
  const DeltaShape shape = delta_shape(delta);
  const size_t channels = delta.channels(), width = delta.value_width(), stride = buffers.qkv_stride;
  const size_t convolution = convolution_floats(decoder, LayerKind::delta), rows = rows_of(parts);
  const ConvolutionWeights weights{
      .taps = layer.vectors[Slot::delta_convolution], .channels = channels, .count = decoder.convolution_taps};
  float* row = buffers.qkv;
  for (const DecoderPart& part : parts) {
    const LayerStates::Place state = place_of(part, index);
    const size_t count = part.chunk.count;
    short_convolution(compute, weights,
                      {.x = row, .stride = stride, .count = count, .in_order = part.chunk.in_order}, state.before,
                      state.after);
    for_rows(compute, count, [&](size_t r) {
      activate_row(*compute.kernels, Activation::silu, row + r * stride, row + r * stride, nullptr, channels);
    });
    delta_rule(compute, shape, layer.vectors[Slot::decay_rate], layer.vectors[Slot::decay_bias],
               {.x = row,
                .strength = row + channels + width,
                .decay = row + channels + width + delta.value_heads,
                .stride = stride,
                .count = count,
                .in_order = part.chunk.in_order},
               behind(state.before, convolution), behind(state.after, convolution));
    row += count * stride;
  }
  float* given = buffers.qkv + channels - width;
  norm_heads(compute, layer.norms[Slot::delta_norm].weight, decoder.norm_epsilon, given, stride, rows,
             delta.value_heads, delta.value_dim);
  for_rows(compute, rows, [&](size_t r) {
    activate_row(*compute.kernels, Activation::silu, buffers.rows.values + r * width,
                 buffers.qkv + r * stride + channels, given + r * stride, width);
  });
}

size_t state_mixing_scratch_bytes(const DecoderSpec& decoder) {
  return delta_scratch_bytes(delta_shape(decoder.delta));
}

}  // namespace mica
