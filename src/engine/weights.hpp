// Weights: every tensor of a model in its place, ready for the loops. Not the loops, and not the files: large matrices
// stay where the file maps them, small vectors are widened to float once.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "enter.hpp"
#include "matrix.hpp"
#include "model_files.hpp"
#include "model_spec.hpp"
#include "own_bytes.hpp"
#include "parts.hpp"
#include "rows.hpp"
#include "status.hpp"
#include "steps.hpp"

namespace mica {

// What the static format adds to a stream of residuals (static_format.hpp).
struct StreamTransform {
  // Of rows of that many values that layers mix.
  struct MixedPlan {
    RowRotation rotation;
    std::vector<uint32_t> signs;  // bits, a word for 32 channels
  };

  bool folded = false;         // norms are in the matrices that read them
  bool rotated = false;        // the residual stream is R S x
  bool head_rotation = false;  // values are rotated head by head (told for inspection; nothing is done online)
  bool down_rotation = false;  // the inputs of `down` are rotated online
  bool mixed_rotation = false;  // likewise what layers mix, where it is not rotated head by head
  bool vocabulary_rotation = false;  // of a decoder: rows of embedding and lm_head are rotated as the stream's are
  bool integer_attention = false;  // of a tower: queries, keys and values meet in integers (integer_attention.hpp)
  RowRotation residual_plan;
  std::vector<RowRotation> down_plans;  // of each width that layers have there
  std::vector<MixedPlan> mixed_plans;   // likewise
  std::vector<uint32_t> signs;    // bits, a word for 32 channels
  std::vector<float> direction;   // [width]: R S of the unit vector of ones
  std::vector<float> merged_direction;  // of a tower: for a norm over merged patches

  // Of what a layer mixes before it enters the matrix of a slot; null: it is not rotated online.
  const MixedPlan* mixed(Slot slot, size_t width) const {
    const bool in_heads = slot != Slot::convolution_out && slot != Slot::delta_out;
    for (const MixedPlan& plan : mixed_plans)
      if (mixed_rotation && !(in_heads && head_rotation) && plan.rotation.width() == width) return &plan;
    return nullptr;
  }
  // Of rows of that many values; null: they are not rotated.
  const RowRotation* down(size_t width) const {
    for (const RowRotation& plan : down_plans)
      if (down_rotation && plan.width() == width) return &plan;
    return nullptr;
  }
};

// The first of two matrices in a slot: rows enter it, and what it gives enters the slot's own one under a point of its
// own. A product of both has a low rank and fewer weights (CASP, arXiv 2503.05936). Without rows: the slot has one matrix.
struct FirstFactor {
  Matrix matrix;
  QuantPoint point;
};

// A layer of the decoder or of the tower, by the rows of parts_of_layers().
struct LayerWeights {
  BySlot<Matrix, Slot::qkv, Slot::layer_input_out> matrices;  // without rows: not a part of this layer
  BySlot<NormWeights, Slot::attention_norm, Slot::layer_input_norm> norms;
  BySlot<const float*, Slot::attention_scale, Slot::layer_scale> vectors;  // null: not a part of this layer
  BySite<QuantPoint, Site::attention_in, Site::down_in> points;
  BySlot<FirstFactor, Slot::query, Slot::key> first;  // of a decoder's

  // Null where the slot has one matrix, or none.
  const FirstFactor* first_of(Slot slot) const {
    const bool may = slot == Slot::query || slot == Slot::key;
    return may && first[slot].matrix.rows != 0 ? &first[slot] : nullptr;
  }
  // The matrix that rows enter which enter the slot.
  const Matrix& entered(Slot slot) const {
    const FirstFactor* factor = first_of(slot);
    return factor != nullptr ? factor->matrix : matrices[slot];
  }
  // The first of the matrices that read a site: all of them are stored alike.
  const Matrix& reader(Site site) const;
  // Keys, as their matrix gives them, are values, too.
  bool values_are_keys() const { return matrices[Slot::key].rows != 0 && matrices[Slot::value].rows == 0; }
};

struct DecoderWeights {
  Matrix embedding;
  const float* embedding_columns = nullptr;  // [hidden]: multiplied into each embedding; null: ones (static_format.hpp)
  // What layers are told of a token beside the stream: [tokens][layers * layer_input], and from its embedding.
  Matrix layer_input_table, layer_input_projection;
  NormWeights layer_inputs_norm;
  std::vector<LayerWeights> layers;
  size_t factor_width = 0;  // the most that a first factor gives, for which loops have room
  NormWeights final_norm;
  Matrix lm_head;
  QuantPoint head_in;
  StreamTransform stream;
};

// Around a tower's layers, by the rows of parts_of_tower(); which of them there are is said by the steps
// (blueprint/steps.hpp).
using StepMatrices = BySlot<Matrix, Slot::patch_embedding, Slot::inner_down>;
struct StepWeights {
  StepMatrices matrices;
  BySlot<NormWeights, Slot::patch_norm, Slot::inner_norm> norms;
  BySlot<const float*, Slot::class_token, Slot::resampler_positions> vectors;
  BySite<QuantPoint, Site::patches_in, Site::inner_down_in> points;
};

struct VisionWeights : StepWeights {  // those of stem, projector and what merges rows between layers
  std::vector<LayerWeights> layers;   // those that are used
  std::vector<LayerWeights> inner;    // one of attention alone, within squares behind VisionSpec::inner_layer, or none
  std::vector<StepWeights> taps;
  StreamTransform stream;
};

struct Weights {
  DecoderWeights decoder;
  VisionWeights vision;
  VisionWeights frames;  // of a tower for a video's frames alone, but for the projector, which is the first one's
  uint64_t parameters = 0;
  uint64_t bytes = 0;  // as stored
  uint32_t quant_points = 0;
  bool aifs = true;  // visual rows of a chunk are computed first; otherwise chunks end where the modality changes
  bool present = true;  // false: only told of, and never to be read
  OwnedBytes owned;  // widened vectors, and random weights

  Status check_present() const {
    if (present) return Status::ok();
    return Status::error(Code::unsupported, "this model was opened without its weights, to be asked what it takes");
  }

  const VisionWeights& tower(Shown shown) const {
    return shown == Shown::still || frames.layers.empty() ? vision : frames;
  }
};

// Finds and checks every tensor of `spec` in `files`; a missing one or one of another shape is named.
Status load_weights(const ModelFiles& files, const ModelSpec& spec, Weights* out);

// What writing one token reads of them: every matrix of the decoder's layers and the head, not the embeddings.
uint64_t decode_bytes(const DecoderWeights& weights);

// Every quant point in the order of their indices, with a name for reports: "layers.7.down_in",
// "vision.layers.0.mlp_in".
struct NamedPoint {
  QuantPoint* point;
  std::string name;
};
std::vector<NamedPoint> quant_points(const ModelSpec& spec, Weights* weights);

// The same with random weights, for a published shape. Floats are bf16; packed ones run with static scales. `present`:
// false only tells of matrices (Weights::present).
Status make_random_weights(const ModelSpec& spec, WeightFormat text, WeightFormat vision, bool present,
                           Weights* out);

}  // namespace mica
