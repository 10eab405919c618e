// ModelSpec: everything that the one decoder loop and the one vision loop must know of a model, as data. Not weights,
// not code. Filled from config.json by the tables of a Family (family.hpp).
#pragma once

#include <cstdint>

#include "layer_kinds.hpp"
#include "picture_rule.hpp"

namespace mica {

enum class RopeScaling : uint8_t {
  none,
  linear,  // positions divided by factor
  llama3,  // low frequencies divided by factor, a smooth passage between (Llama 3.1)
};

struct RopeSpec {
  float theta = 10000.0f;
  RopeScaling scaling = RopeScaling::none;
  float factor = 1.0f;
  float low_frequency_factor = 1.0f;
  float high_frequency_factor = 4.0f;
  uint32_t original_context = 8192;
  bool interleaved = false;        // pairs (2i, 2i + 1) instead of (i, i + half)
  uint32_t sections[3] = {0, 0, 0};  // M-RoPE: how many frequencies follow time, height and width; zeros: one position
  bool multimodal() const { return sections[0] + sections[1] + sections[2] != 0; }
};

// A decoder of the Llama kind: RMSNorm, grouped-query attention, gated MLP.
struct DecoderSpec {
  uint32_t layers = 0;
  uint32_t hidden = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;
  uint32_t head_dim = 0;
  uint32_t feed_forward = 0;
  uint32_t vocabulary = 0;
  uint32_t context = 0;
  float norm_epsilon = 1e-6f;
  Activation activation = Activation::silu;
  bool tied_embeddings = false;
  RopeSpec rope;
};

enum class VisionPositions : uint8_t { learned, rope_2d };

enum class Projector : uint8_t {
  mlp,            // linear, activation, linear (LLaVA)
  patch_merger,   // norm a patch, concatenate merge x merge, linear, GELU, linear (Qwen2-VL)
  pixel_shuffle,  // channels of merge x merge patches together, norm, linear, activation, linear (InternVL)
};

struct VisionSpec {
  uint32_t layers = 0;       // in the checkpoint
  uint32_t layers_used = 0;  // that pass before the chosen features are reached
  uint32_t hidden = 0;
  uint32_t heads = 0;
  uint32_t feed_forward = 0;
  uint32_t feed_forward_ratio = 0;  // where the file gives that instead
  uint32_t image_width = 0, image_height = 0;  // of one tile; 0: any
  uint32_t patch = 0;
  uint32_t temporal = 1;
  uint32_t merge = 1;          // patches of merge x merge become one token
  float norm_epsilon = 1e-6f;
  Norm norm = Norm::layer;
  Activation activation = Activation::gelu;
  VisionPositions positions = VisionPositions::learned;
  float rope_theta = 10000.0f;
  bool class_token = false;       // in front of the patches
  bool keep_class_token = false;  // in the features
  int32_t feature_layer = -1;    // as transformers counts hidden states: -1 is after the last layer
  Projector projector = Projector::mlp;
  Activation projector_activation = Activation::gelu;
  float projector_norm_epsilon = 1e-6f;
  uint32_t projector_hidden = 0;  // width between its two matrices
  uint32_t head_dim() const { return heads ? hidden / heads : 0; }
  uint32_t patch_values() const { return 3 * temporal * patch * patch; }
};

struct Family;

struct ModelSpec {
  const Family* family = nullptr;
  DecoderSpec decoder;
  bool has_vision = false;
  VisionSpec vision;
  PictureRule pictures;
  int32_t picture_token = -1;  // the placeholder that stands for one visual token
  int32_t end_tokens[8] = {};
  uint32_t end_token_count = 0;
  uint8_t accepted = 0;  // target of fields that mica only runs with one value
};

}  // namespace mica
