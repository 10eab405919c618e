// PictureRule: how a family cuts, resizes and normalises a picture, as data. Not code: engine/pixels.hpp follows it.
#pragma once

#include <cstdint>

namespace mica {

enum class PictureCut : uint8_t {
  none,           // a text-only model
  fixed,          // to width x height, whatever the aspect ratio
  shortest_edge,  // the shorter side to shortest_edge, then a centred crop of width x height (CLIPImageProcessor)
  smart_resize,   // sides to multiples of patch * merge, area within [pixels_min, pixels_max] (Qwen2VLImageProcessor)
  tiles,  // the best grid of width x height tiles, and a thumbnail when there are several (GotOcr2ImageProcessor)
};

enum class PictureFilter : uint8_t { bilinear, bicubic };

// Order of pixel_values.
enum class PictureLayout : uint8_t {
  planes,   // [tiles, 3, height, width]
  patches,  // [patches, 3 * temporal * patch * patch], patches of one merge window adjacent (Qwen2-VL)
};

struct PictureRule {
  PictureCut cut = PictureCut::none;
  PictureFilter filter = PictureFilter::bicubic;
  PictureLayout layout = PictureLayout::planes;
  uint32_t width = 0, height = 0;      // of the target, the crop or a tile
  uint32_t shortest_edge = 0;
  uint32_t pixels_min = 0, pixels_max = 0;
  uint32_t tiles_min = 1, tiles_max = 1;
  bool thumbnail = true;
  uint32_t patch = 14, temporal = 1, merge = 1;
  bool do_rescale = true, do_normalize = true;
  double rescale = 1.0 / 255;
  float mean[3] = {0, 0, 0};
  float std[3] = {1, 1, 1};
};

}  // namespace mica
