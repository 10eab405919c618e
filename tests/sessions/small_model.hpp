// SmallModel: models of any small shape with random weights, each layer stored in its own way, for tests and fuzz
// targets of sessions. Not a test.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model.hpp"

namespace mica::test {

struct SmallShape {
  // Or "qwen2", "qwen3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "glm_ocr", "llava", "internvl", "idefics3", "smolvlm",
  // "llava_next", "mistral3", "lfm2_vl", "video_llava", "llava_next_video", "minicpmv4_6", "gemma3", "gemma4".
  const char* family = "llama";
  uint32_t layers = 2, hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, feed_forward = 96, vocabulary = 64;
  bool tied = true;
  // Of the tower, where the family has one. Pictures of one size have patches x patches patches; others up to
  // pixels_max pixels.
  uint32_t vision_layers = 2, vision_hidden = 32, vision_heads = 2, vision_feed_forward = 64, patch = 4, patches = 4;
  uint32_t tiles = 3, pixels_max = 4096;
};

bool has_pictures(const SmallShape& shape);

// One storage a layer, in turn.
struct SmallModel {
  std::unique_ptr<Model> model;
  std::vector<std::unique_ptr<Model>> lenders;  // of layers that are stored otherwise
};
Status make_small_model(const SmallShape& shape, const std::vector<WeightFormat>& storages, SmallModel* out);

}  // namespace mica::test
