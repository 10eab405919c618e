// LayerStates: two places for each state. What is written there: ops/short_convolution.hpp and ops/delta_rule.hpp.
#include "layer_states.hpp"

#include <algorithm>

namespace mica {

size_t convolution_floats(const DecoderSpec& decoder, LayerKind kind) {
  const size_t rows = decoder.convolution_taps == 0 ? 0 : decoder.convolution_taps - 1;
  switch (kind) {
    case LayerKind::attention: break;
    case LayerKind::convolution: return rows * decoder.hidden;
    case LayerKind::delta: return rows * decoder.delta.channels();
  }
  return 0;
}

size_t state_floats(const DecoderSpec& decoder, LayerKind kind) {
  const size_t convolution = convolution_floats(decoder, kind);
  if (kind != LayerKind::delta) return convolution;
  return convolution + size_t{decoder.delta.key_dim} * decoder.delta.value_width();
}

void LayerStates::plan(const DecoderSpec& decoder, Arena* arena) {
  layers_.assign(decoder.layers, {});
  for (size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].floats = state_floats(decoder, decoder.layer(static_cast<uint32_t>(i)).kind);
    if (layers_[i].floats == 0) continue;
    for (float*& state : layers_[i].states) state = arena->take<float>(layers_[i].floats);
  }
  clear();
}

LayerStates::Place LayerStates::place(size_t layer) const {
  const Layer& l = layers_[layer];
  return {.before = l.states[ahead_ ? 1 - settled_ : settled_], .after = l.states[1 - settled_]};
}

void LayerStates::settle() {
  if (ahead_) settled_ = 1 - settled_;
  ahead_ = false;
}

void LayerStates::clear() {
  ahead_ = false;
  for (const Layer& layer : layers_)
    if (float* state = layer.states[settled_]) std::fill_n(state, layer.floats, 0.0f);
}

LayerStates::Region LayerStates::region(size_t layer) const {
  const Layer& l = layers_[layer];
  return {l.states[ahead_ ? 1 - settled_ : settled_], l.floats};
}

void LayerStates::take_over(const LayerStates& other) {
  settled_ = other.settled_;
  ahead_ = other.ahead_;
  for (size_t i = 0; i < layers_.size(); ++i)
    for (size_t which : {0, 1})
      std::copy_n(other.layers_[i].states[which], layers_[i].floats, layers_[i].states[which]);
}

}  // namespace mica
