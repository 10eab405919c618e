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

RopeFrequencies decoder_frequencies(const RopeSpec& rope);
// Axis 0 is the row of a patch, 1 its column.
RopeFrequencies vision_frequencies(const VisionSpec& vision);

// Whether scaling is dynamic: by the length of the sequence, or of its prompt.
bool may_grow(const RopeSpec& rope);
// True where a sequence of `length` positions has frequencies of its own: dynamic scaling beyond the trained length,
// which is `context` where the RoPE does not say another.
bool grows_at(const RopeSpec& rope, uint32_t context, uint32_t length);
// These, [head_dim / 2].
void grown_frequencies(const RopeSpec& rope, uint32_t context, uint32_t length, float* frequency);

}  // namespace mica
