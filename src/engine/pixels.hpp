// Pixels: from an RGB picture to the numbers that a vision tower reads, as a PictureRule says. Not decoding (io) and
// not the tower (vision.hpp). Equal to the processors of Hugging Face transformers with their PIL backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "picture.hpp"
#include "picture_rule.hpp"
#include "status.hpp"

namespace mica {

// Longer pictures are refused by smart_resize, as in transformers.
inline constexpr double kPictureAspectRatioMax = 200;

// What a picture of a given size becomes; computed and checked before any pixel is touched.
struct PixelPlan {
  uint32_t source_width = 0, source_height = 0;    // of the picture that it was made for
  uint32_t padded_width = 0, padded_height = 0;    // the same, or those of the square that it is put into
  uint32_t tiles = 0;                    // pictures that pass through the tower one by one (1 unless cut in tiles)
  uint32_t tile_columns = 1, tile_rows = 1;        // without the thumbnail, which is one tile more
  uint32_t first_width = 0, first_height = 0;      // after a resize that goes before all others; 0: there is none
  uint32_t resized_width = 0, resized_height = 0;  // after the resize, before a crop; of all tiles
  uint32_t width = 0, height = 0;        // of one tile as the tower sees it
  uint32_t grid_width = 0, grid_height = 0;        // patches of one tile
  // Of the thumbnail, where it is not as large as the tiles; 0: it is.
  uint32_t overview_width = 0, overview_height = 0, overview_grid_width = 0, overview_grid_height = 0;
  bool overview_first = false;           // the thumbnail is the first tile, not the last
  Shown shown = Shown::still;            // what steps behind the tower see of it
  uint32_t patches_room = 0;             // of a tile in pixel_values, where they have rows behind those of its patches
  size_t patches = 0;                    // of all tiles
  size_t patch_values = 0;               // 3 * temporal * patch * patch
  size_t values = 0;                     // floats in pixel_values

  uint32_t grid_tiles() const { return tile_columns * tile_rows; }
  bool has_overview() const { return tiles > grid_tiles(); }
  uint32_t overview_tile() const { return overview_first ? 0 : tiles - 1; }  // where there is one
  bool operator==(const PixelPlan&) const = default;
};

// One tile of a plan by itself.
struct PixelTile {
  PixelPlan plan;          // as if the picture were it
  size_t first_value = 0;  // in pixel_values
};
PixelTile tile_of(const PixelPlan& plan, uint32_t tile);

// Fails with limit_exceeded or invalid_argument when the picture cannot be brought under the rule (an absurd aspect
// ratio), or when the rule itself is not one that mica can follow; then *out is as before.
Status plan_pixels(const PictureRule& rule, uint32_t width, uint32_t height, PixelPlan* out);

// Bytes of scratch that make_pixels needs for this plan and source width; bounded by the rule and the source width, not
// by the source height (where pictures are made square, by the longer side).
size_t pixels_scratch_bytes(const PictureRule& rule, const PixelPlan& plan, uint32_t source_width);

// Writes plan.values floats in the rule's layout. No allocation. `scratch` is 64-byte aligned. `plan` is plan_pixels'
// for this rule and the picture's size, else invalid_argument. Of several pictures of this size each stands in its
// layer of time in the patches, the last one in all layers that are left.
Status make_pixels(const PictureRule& rule, const PixelPlan& plan, std::span<const Picture* const> pictures,
                   float* pixel_values, void* scratch, size_t scratch_bytes);
inline Status make_pixels(const PictureRule& rule, const PixelPlan& plan, const Picture& picture, float* pixel_values,
                          void* scratch, size_t scratch_bytes) {
  const Picture* one = &picture;
  return make_pixels(rule, plan, {&one, 1}, pixel_values, scratch, scratch_bytes);
}

}  // namespace mica
