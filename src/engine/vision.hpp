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
#include "step_run.hpp"
#include "work.hpp"

namespace mica {

class Vision {
 public:
  // Takes its buffers from the arena, for pictures of up to `patches` patches a tile.
  void plan(const Model& model, size_t patches, Arena* arena);
  // Writes rows of decoder.hidden floats: tokens_of(plan) of them, one a token, and as many behind them for each tap.
  // pixel_values as make_pixels gave them. Errors: cancelled, between layers.
  Status run(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixel_values, float* rows,
             Work* work);
  // The same a layer at a time, with what stands before the first of a tile and behind its last; true behind the last of
  // all. Between two calls nothing else may run here.
  struct Progress {
    uint32_t tile = 0;
    size_t layer = 0;
    size_t taps = 0;       // of the tile
    size_t first = 0;      // of the rows of the tile
    PixelPlan at = {};     // of the rows as they are behind the newest layer
  };
  bool run_next(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixel_values, float* rows,
                Progress* progress);

  // The same for one tile in steps, for calibration layer by layer: begin(), layers in order, each advancing x(),
  // finish(). place() is begin() for rows that are in the residual stream already. `plan` is of the rows in x().
  void place(const Compute& compute, const Model& model, const PixelPlan& plan);
  void begin(const Compute& compute, const Model& model, const PixelPlan& plan, const float* tile_pixels);
  void run_layer(const Compute& compute, const Model& model, const LayerWeights& layer, size_t index,
                 const PixelPlan& plan);
  // Behind VisionSpec::inner_layer: rows come to stand square by square, those of a square see each other, each square
  // becomes a row. What follows has the plan that behind_squares gives, and begins with place().
  void to_squares(const ModelSpec& spec, const PixelPlan& plan);
  void run_squares(const Compute& compute, const Model& model, const LayerWeights& layer, const PixelPlan& plan);
  void merge_squares(const Compute& compute, const Model& model, const PixelPlan& plan);
  static PixelPlan behind_squares(const ModelSpec& spec, const PixelPlan& plan);
  void finish(const Compute& compute, const Model& model, const PixelPlan& plan, float* tile_rows);
  // Where the projector reads several states (VisionSpec::feature_states), `features` has rows of all of them beside each
  // other: those of the state behind so many layers are taken from x(). finish() reads features().
  static size_t feature_floats(const ModelSpec& spec, const PixelPlan& plan);  // of a tile; 0: it reads x()
  void take_features(const ModelSpec& spec, size_t layers_before, const PixelPlan& plan, float* features) const;
  float* features() const { return features_; }
  // The rows of a tap, behind its layer; x() stays.
  void tap(const Compute& compute, const Model& model, size_t index, const PixelPlan& plan, float* tile_rows);
  float* x() const { return buffers_.x; }
  // The rows of a tile to where they stand among those of the whole picture; the first tile's go before all others'.
  static void put_tile(const Model& model, const PixelPlan& plan, uint32_t tile, const float* tile_rows, float* rows);
  static size_t rows_of(const ModelSpec& spec, const PixelPlan& plan);  // of one tile, in x()

  static size_t tokens_of(const ModelSpec& spec, const PixelPlan& plan);
  static size_t tokens_of_tile(const ModelSpec& spec, const PixelPlan& plan, uint32_t tile);
  // Of a row of a tile's tokens, where none stands before them.
  static size_t token_columns(const ModelSpec& spec, const PixelPlan& plan);
  static size_t scratch_bytes(const Model& model);

 private:
  void embed(const Compute& compute, const Model& model, const PixelPlan& plan, const float* pixels);
  void merge_rows(const Compute& compute, const Model& model, PixelPlan* plan);
  void attend(const Compute& compute, const ModelSpec& spec, size_t layer, const PixelPlan& plan);
  // Rows that see each other and no others.
  void attend(const Compute& compute, size_t first, size_t rows);

  BlockShape shape_;
  AttentionShape attention_;
  BlockBuffers buffers_;
  RopeTable rope_;
  uint32_t* positions_ = nullptr;  // [rows][2], for rope_2d
  uint8_t* packed_heads_ = nullptr;  // keys and values of integer attention; null: attention in float
  float* keys_ = nullptr;          // [heads][blocks][head_dim][32], for attention in float
  size_t key_head_stride_ = 0;
  float* patches_ = nullptr;       // [rows][patch_values], for planes
  float* tile_rows_ = nullptr;     // [tokens of a tile][decoder's hidden], where tiles become one grid
  float* features_ = nullptr;      // [rows][features][hidden]; null: the projector reads the stream
  StepBuffers step_buffers_;
};

}  // namespace mica
