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
#include "rows.hpp"
#include "status.hpp"

namespace mica {

// What the static format adds to a stream of residuals (static_format.hpp).
struct StreamTransform {
  bool folded = false;         // norms are in the matrices that read them
  bool rotated = false;        // the residual stream is R S x
  bool head_rotation = false;  // values are rotated head by head (told for inspection; nothing is done online)
  bool down_rotation = false;  // the inputs of `down` are rotated online
  bool vocabulary_rotation = false;  // of a decoder: rows of embedding and lm_head are rotated as the stream's are
  bool integer_attention = false;  // of a tower: queries, keys and values meet in integers (integer_attention.hpp)
  simd::RotationPlan residual_plan{};
  simd::RotationPlan down_plan{};
  std::vector<uint32_t> signs;    // bits, a word for 32 channels
  std::vector<float> direction;   // [width]: R S of the unit vector of ones
  std::vector<float> merged_direction;  // of a tower: for a norm over merged patches

  const simd::RotationPlan* down() const { return down_rotation ? &down_plan : nullptr; }
};

// What a decoder layer and a vision layer have in common: attention and an MLP between norms and residual additions.
struct LayerWeights {
  NormWeights attention_norm;
  // A fused projection is `query` with the rows of all three; then `key` and `value` have none.
  Matrix query, key, value, output;
  const float* query_norm = nullptr;  // [head_dim], RMSNorm of each head before RoPE (Qwen3)
  const float* key_norm = nullptr;
  const float* attention_scale = nullptr;  // LayerScale of what attention adds
  NormWeights mlp_norm;
  Matrix gate;  // no rows where the MLP is not gated
  Matrix up, down;
  const float* mlp_scale = nullptr;
  QuantPoint attention_in, output_in, mlp_in, down_in;

  // All, those without rows too.
  std::array<const Matrix*, 7> matrices() const { return {&query, &key, &value, &output, &gate, &up, &down}; }
};

struct DecoderWeights {
  Matrix embedding;
  const float* embedding_columns = nullptr;  // [hidden]: multiplied into each embedding; null: ones (static_format.hpp)
  std::vector<LayerWeights> layers;
  NormWeights final_norm;
  Matrix lm_head;
  QuantPoint head_in;
  StreamTransform stream;
};

struct VisionWeights {
  Matrix patch_embedding;              // [hidden][3 * temporal * patch * patch]
  const float* class_token = nullptr;  // [hidden]
  const float* positions = nullptr;    // [class + patches][hidden]
  NormWeights pre_norm, post_norm;     // null weights where the family has none
  std::vector<LayerWeights> layers;    // those that are used
  NormWeights projector_norm;
  Matrix projector_up, projector_down;
  QuantPoint patches_in, projector_in, projector_down_in;
  StreamTransform stream;
};

struct Weights {
  DecoderWeights decoder;
  VisionWeights vision;
  uint64_t parameters = 0;
  uint64_t bytes = 0;  // as stored
  uint32_t quant_points = 0;
  bool aifs = true;  // visual rows of a chunk are computed first; otherwise chunks end where the modality changes
  OwnedBytes owned;  // widened vectors, and random weights
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
std::vector<NamedPoint> quant_points(Weights* weights);

// How random weights are stored: W4A8 and W8A8 are packed and run with static scales.
enum class RandomStorage : uint8_t { bf16, w4a8, w8a8 };

// The same with random weights, for a published shape.
Status make_random_weights(const ModelSpec& spec, RandomStorage text, RandomStorage vision, Weights* out);

}  // namespace mica
