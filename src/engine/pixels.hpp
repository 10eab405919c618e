// Pixels: from an RGB picture to the numbers that a vision tower reads, as a PictureRule says. Not decoding (io) and
// not the tower (vision.hpp). Equal to the processors of Hugging Face transformers with their PIL backend.
#pragma once

#include <cstddef>
#include <cstdint>

#include "picture.hpp"
#include "picture_rule.hpp"
#include "status.hpp"

namespace mica {

// What a picture of a given size becomes; computed and checked before any pixel is touched.
struct PixelPlan {
  uint32_t source_width = 0, source_height = 0;    // of the picture that it was made for
  uint32_t tiles = 0;                    // pictures that pass through the tower one by one (1 unless cut in tiles)
  uint32_t tile_columns = 1, tile_rows = 1;        // without the thumbnail, which is the last tile where there is one
  uint32_t resized_width = 0, resized_height = 0;  // after the resize, before a crop; of all tiles
  uint32_t width = 0, height = 0;        // of one tile as the tower sees it
  uint32_t grid_width = 0, grid_height = 0;        // patches of one tile
  size_t patches = 0;                    // of all tiles: tiles * grid_width * grid_height
  size_t patch_values = 0;               // 3 * temporal * patch * patch
  size_t values = 0;                     // floats in pixel_values

  bool operator==(const PixelPlan&) const = default;
};

// Fails with limit_exceeded or invalid_argument when the picture cannot be brought under the rule (an absurd aspect
// ratio), or when the rule itself is not one that mica can follow; then *out is as before.
Status plan_pixels(const PictureRule& rule, uint32_t width, uint32_t height, PixelPlan* out);

// Bytes of scratch that make_pixels needs for this plan and source width; bounded by the rule and the source width, not
// by the source height.
size_t pixels_scratch_bytes(const PictureRule& rule, const PixelPlan& plan, uint32_t source_width);

// Writes plan.values floats in the rule's layout. No allocation. `scratch` is 64-byte aligned. `plan` is plan_pixels'
// for this rule and the picture's size, else invalid_argument.
Status make_pixels(const PictureRule& rule, const PixelPlan& plan, const Picture& picture, float* pixel_values,
                   void* scratch, size_t scratch_bytes);

}  // namespace mica
