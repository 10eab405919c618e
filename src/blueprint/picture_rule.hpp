// PictureRule: how a family cuts, resizes and normalises a picture, as data. Not code: engine/pixels.hpp follows it.
#pragma once

#include <cstdint>

#include "limits.hpp"

namespace mica {

// As what a picture is shown: by itself, or as one of a video's frames, which follow each other.
enum class Shown : uint8_t { still, frame, last_frame };

enum class PictureCut : uint8_t {
  none,          // a text-only model
  fixed,         // to width x height, whatever the aspect ratio
  crop,          // resized as PictureResize says, then a centred crop of width x height (CLIPImageProcessor)
  smart_resize,  // sides to multiples of patch * merge, area within [pixels_min, pixels_max] (Qwen2VLImageProcessor)
  // Sides to longest_edge at most, the area to pixels_max, then both up to whole squares of `whole` pixels
  // (PixtralImageProcessor).
  bounded,
  budget,  // the area to pixels_max whatever it was, then both sides down to whole tokens (Gemma4ImageProcessor)
  tiles,  // the best grid of width x height tiles, and a thumbnail when there are several (GotOcr2ImageProcessor)
  squares,  // the longer side to longest_edge, then both up to whole tiles, and a thumbnail (Idefics3ImageProcessor)
  grids,  // a thumbnail, then tiles: into the grid among `grids` that keeps most of it, on black (LlavaNextImageProcessor)
  // Tiles of width x height and a thumbnail of those that are large, else as smart_resize (Lfm2VlImageProcessor).
  large_tiles,
  slices,  // a thumbnail of about slice_side x slice_side pixels, then as large slices (MiniCPM-V)
};

// What is resized before a crop.
enum class PictureResize : uint8_t {
  shortest_edge,  // the shorter side to shortest_edge; if the longer one is then beyond longest_edge, that to it
  exact,          // to resized_width x resized_height, whatever the aspect ratio
  none,
};

enum class PictureFilter : uint8_t { nearest, lanczos, bilinear, bicubic, box, hamming };  // PIL's numbers

// What is seen of pixels with alpha.
enum class PictureTransparency : uint8_t {
  on_white,  // as people see it, and as transformers' processors do it
  dropped,   // the stored colours, as PIL's convert("RGB") gives them
};

// Order of pixel_values.
enum class PictureLayout : uint8_t {
  planes,   // [tiles, 3, height, width]
  patches,  // [patches, 3 * temporal * patch * patch], patches of one merge window adjacent (Qwen2-VL)
  patch_rows,  // the same, patches row by row (PaddleOCR-VL)
  // [tiles, patches_room, patch * patch * 3]: patches row by row, pixel by pixel, and zeros behind those of a tile.
  sequences,
};

// How smart_resize enlarges a picture with a side below patch * merge before all else.
enum class SmallSides : uint8_t {
  as_they_are,
  truncated,  // so that none is: both sides by one factor, truncated (Glm4vImageProcessor)
  rounded,    // one after the other, rounded (PaddleOCRVLImageProcessor)
};

// Sizes that pictures may be fitted into, in pixels.
struct GridList {
  struct Size {
    uint32_t height = 0, width = 0;
    bool operator==(const Size&) const = default;
  };
  uint32_t count = 0;
  Size sizes[limits::kPictureGridsMax] = {};
  bool operator==(const GridList&) const = default;
};

struct PictureRule {
  PictureCut cut = PictureCut::none;
  PictureResize resize = PictureResize::shortest_edge;
  PictureFilter filter = PictureFilter::bicubic;
  PictureLayout layout = PictureLayout::planes;
  PictureTransparency transparency = PictureTransparency::on_white;
  bool columns_first = false;          // resized by Pillow before 13, which shows where one side alone shrinks
  uint32_t width = 0, height = 0;      // of the target, the crop or a tile
  uint32_t shortest_edge = 0;
  uint32_t longest_edge = 0;           // 0: any
  uint32_t resized_width = 0, resized_height = 0;
  uint32_t pixels_min = 0, pixels_max = 0;
  bool tiled = true;                   // where config.json asks for tiles; otherwise one is all
  uint32_t frames = 1;                 // that these count: a still picture may be counted as often as it is repeated
  uint32_t frames_whole = 0;           // the same where sides are whole already, if these are others
  bool of_video = false;               // they count all frames of a video, which decide then (rule_of_video)
  // Of them all no more than so many for each, or an even share of pixels_max, if that is less; 0: pixels_max is all.
  uint32_t frame_pixels_max = 0;
  SmallSides small_sides = SmallSides::as_they_are;
  uint32_t whole = 0;
  uint32_t tiles_min = 1, tiles_max = 1;
  bool thumbnail = true;
  GridList grids;
  double cut_from_pixels = 0;          // only pictures of more are cut
  uint32_t slice_side = 0;
  uint32_t slice_tokens = 0;           // whatever its size; 0: by its patches
  uint32_t patches_room = 0;           // PictureLayout::sequences'
  uint32_t grid_side_max = 0;          // patches along a side, for which the tower has positions; 0: any number
  uint32_t grid_tiles_kept = 0;        // tokens of a grid of more tiles are made as few as those of so many; 0: never
  bool pads_to_square = false;         // first of all, in pad_color (LlavaImageProcessor)
  uint8_t pad_color[3] = {0, 0, 0};
  uint32_t patch = 14, temporal = 1, merge = 1;
  bool do_rescale = true, do_normalize = true;
  double rescale = 1.0 / 255;
  float mean[3] = {0, 0, 0};
  float std[3] = {1, 1, 1};
  bool operator==(const PictureRule&) const = default;
};

}  // namespace mica
