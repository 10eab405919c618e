// Vision: the one loop over a tower's layers and its projector, for every family and mode. Not preprocessing
// (pixels.hpp) and not the prompt: it turns pixel values into rows of the decoder's width.
#pragma once

#include <cstddef>

#include "arena.hpp"
#include "attention.hpp"
#include "block.hpp"
#include "integer_attention.hpp"
#include "model.hpp"
#include "pixels.hpp"
#include "rope.hpp"

namespace mica {

class Vision {
 public:
  // Takes its buffers from the arena, for pictures of up to `patches` patches a tile.
  void plan(const Model& model, size_t patches, Arena* arena);
  // Writes one row of decoder.hidden floats a token: tokens_of(plan) rows. pixel_values as make_pixels gave them.
  void run(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixel_values, float* rows);

  // The same for one tile in steps, for calibration layer by layer: begin(), layers in order, each advancing x(),
  // finish(). place() is begin() for rows that are in the residual stream already.
  void place(const Compute& compute, const Model& model, const PixelPlan& plan);
  void begin(const Compute& compute, const Model& model, const PixelPlan& plan, const float* tile_pixels);
  void run_layer(const Compute& compute, const Model& model, const LayerWeights& layer, const PixelPlan& plan);
  void finish(const Compute& compute, const Model& model, const PixelPlan& plan, float* tile_rows);
  float* x() const { return buffers_.x; }
  static size_t rows_of(const ModelSpec& spec, const PixelPlan& plan);  // of one tile, in x()

  static size_t tokens_of(const ModelSpec& spec, const PixelPlan& plan);
  static size_t scratch_bytes(const Model& model);

 private:
  void embed(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixels);
  void attend(const Compute& compute, size_t rows);
  void project(const Compute& compute, const Model& model, const PixelPlan& plan, float* rows);

  BlockShape shape_;
  AttentionShape attention_;
  BlockBuffers buffers_;
  RopeTable rope_;
  uint32_t* positions_ = nullptr;  // [rows][2], for rope_2d
  uint8_t* packed_heads_ = nullptr;  // keys and values of integer attention; null: attention in float
  float* keys_ = nullptr;          // [heads][blocks][head_dim][32], for attention in float
  size_t key_head_stride_ = 0;
  float* patches_ = nullptr;       // [rows][patch_values], for planes
  float* merged_ = nullptr;        // [tokens][hidden * merge * merge]
  RowBuffers outer_;               // rows that enter patch embedding and projector
  float* projected_ = nullptr;     // [tokens][projector_hidden]
};

}  // namespace mica
