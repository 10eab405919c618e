// RoPE's frequencies from a spec: what each pair of a head turns by from one position to the next. Not the turning:
// ops/rope.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "model_spec.hpp"

namespace mica {

// angle[i] = position[axis_of[i]] * frequency[i]; cosines and sines are multiplied by `scale`.
struct RopeFrequencies {
  std::vector<float> frequency;
  std::vector<uint8_t> axis_of;
  float scale = 1.0f;
};

RopeFrequencies decoder_frequencies(const DecoderSpec& decoder);
// Axis 0 is the row of a patch, 1 its column.
RopeFrequencies vision_frequencies(const VisionSpec& vision);

// Whether scaling is dynamic: by the length of the sequence, or of its prompt.
bool may_grow(const DecoderSpec& decoder);
// True where a sequence of `length` positions has frequencies of its own: dynamic scaling beyond the trained length.
bool grows_at(const DecoderSpec& decoder, uint32_t length);
// These, [head_dim / 2].
void grown_frequencies(const DecoderSpec& decoder, uint32_t length, float* frequency);

}  // namespace mica
