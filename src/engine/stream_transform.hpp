// StreamTransform's making: plans, signs and directions of a rotated residual stream. What they mean:
// static_format.hpp.
#pragma once

#include <cstdint>
#include <span>

#include "model_spec.hpp"
#include "status.hpp"
#include "weights.hpp"

namespace mica {

// What a stream does, as a file says it (kStaticKey in static_format.hpp) and as people read it.
struct StreamFlag {
  const char* word;      // in the file; null: told by a tensor
  bool decoder_only;
  bool StreamTransform::*value;
  const char* title;
};
inline constexpr StreamFlag kStreamFlags[] = {
    {"folded", false, &StreamTransform::folded, "norms_folded"},
    {nullptr, false, &StreamTransform::rotated, "residual_rotated"},
    {"head_rotation", false, &StreamTransform::head_rotation, "heads_rotated"},
    {"down_rotation", false, &StreamTransform::down_rotation, "down_rotated"},
    {"mixed_rotation", true, &StreamTransform::mixed_rotation, "mixed_rotated"},
    {"vocabulary_rotation", true, &StreamTransform::vocabulary_rotation, "vocabulary_rotated"},
};

// Whether rows of that width can be rotated in every layer.
bool can_rotate(const StreamSpec& shape, Width width);

// How what layers of a decoder mix is rotated, by the matrices that they have: head by head and offline, where a head's
// values are its own and nothing stands behind them; online, where that does not reach, and what states give always. Sets
// both flags and makes the plans.
void rotate_mixed(const StreamSpec& shape, const DecoderWeights& weights, StreamTransform* stream);

// Completes `stream`, whose flags are set, for a residual stream of that shape: plans, and with `signs` (bits; empty:
// all positive) the direction of the mean. `merge`: patches that are merged into one row of a tower's projector, 1
// elsewhere. Errors: unsupported for widths that cannot be rotated.
Status complete_transform(const StreamSpec& shape, size_t merge, std::span<const uint32_t> signs,
                          StreamTransform* stream);

// Points the LayerNorms that are folded in rotated towers at their streams' direction.
void place_directions(const ModelSpec& spec, Weights* weights);

// A tower for a video's frames has the stream of the first one: both pass one projector.
void share_transform(const ModelSpec& spec, Weights* weights);

}  // namespace mica
