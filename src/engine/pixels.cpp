// Pixels: resamples a picture as its plan says and writes normalised values in the tower's layout, row by row. Not the
// plan itself: pixel_plan.cpp.
#include "pixels.hpp"

#include <algorithm>
#include <cstring>

#include "arena.hpp"
#include "limits.hpp"
#include "resample.hpp"

namespace mica {

namespace {

// The part of one side that a centred crop keeps, and where it lands when the crop is larger than the side.
struct Crop {
  uint32_t first;   // kept pixel of the resized picture
  uint32_t count;   // kept pixels
  uint32_t margin;  // blank pixels before them
};

// transformers' center_crop: what is cut is rounded down before, what is filled up is rounded up before.
Crop centred_crop(uint32_t resized, uint32_t wanted) {
  if (resized >= wanted) return {(resized - wanted) / 2, wanted, 0};
  return {0, resized, (wanted - resized + 1) / 2};
}

// Normalises pixels and puts them where the layout wants them.
class ValueWriter {
 public:
  ValueWriter(const PictureRule& rule, const PixelPlan& plan, float* values)
      : rule_(rule), plan_(plan), values_(values) {
    for (size_t c = 0; c < 3; ++c) {
      for (int pixel = 0; pixel < 256; ++pixel) {
        // As numpy does it there: scaled in double, rounded to float, then normalised in float.
        float value = static_cast<float>(pixel);
        if (rule.do_rescale) value = static_cast<float>(pixel * rule.rescale);
        if (rule.do_normalize) value = (value - rule.mean[c]) / rule.std[c];
        table_[c][pixel] = value;
      }
    }
  }

  // `count` pixels of row y of a tile, from column x on.
  void put(uint32_t tile, uint32_t y, uint32_t x, uint32_t count, const uint8_t* rgb) {
    if (rule_.layout == PictureLayout::planes) {
      put_in_planes(tile, y, x, count, rgb);
    } else {
      put_in_patches(tile, y, x, count, rgb);
    }
  }

 private:
  void put_in_planes(uint32_t tile, uint32_t y, uint32_t x, uint32_t count, const uint8_t* rgb) {
    for (size_t c = 0; c < 3; ++c) {
      const size_t plane = size_t{tile} * 3 + c;
      float* out = values_ + (plane * plan_.height + y) * plan_.width + x;
      for (size_t i = 0; i < count; ++i) out[i] = table_[c][rgb[i * 3 + c]];
    }
  }

  // Patches in the order of merge windows, row by row in each; in a patch [3][temporal][patch][patch], where a still
  // picture is repeated in time.
  void put_in_patches(uint32_t tile, uint32_t y, uint32_t x, uint32_t count, const uint8_t* rgb) {
    const size_t patch = rule_.patch, merge = rule_.merge;
    const size_t patch_y = y / patch, window_y = patch_y / merge;
    const size_t tile_patches = size_t{plan_.grid_width} * plan_.grid_height;
    const size_t window_columns = plan_.grid_width / merge;
    while (count > 0) {
      const size_t patch_x = x / patch, window_x = patch_x / merge;
      const size_t index = tile * tile_patches + (window_y * window_columns + window_x) * merge * merge +
                           (patch_y % merge) * merge + patch_x % merge;
      const size_t run = std::min<size_t>(count, patch - x % patch);
      float* first = values_ + index * plan_.patch_values + (y % patch) * patch + x % patch;
      for (size_t c = 0; c < 3; ++c) {
        float* out = first + c * rule_.temporal * patch * patch;
        for (size_t i = 0; i < run; ++i) out[i] = table_[c][rgb[i * 3 + c]];
        for (size_t t = 1; t < rule_.temporal; ++t) std::memcpy(out + t * patch * patch, out, run * sizeof *out);
      }
      x += static_cast<uint32_t>(run);
      count -= static_cast<uint32_t>(run);
      rgb += run * 3;
    }
  }

  const PictureRule& rule_;
  const PixelPlan& plan_;
  float* values_;
  float table_[3][256];  // the value of each colour and pixel
};

ResampleFilter filter_of(const PictureRule& rule) {
  return rule.filter == PictureFilter::bicubic ? ResampleFilter::bicubic : ResampleFilter::bilinear;
}

// What of the resized picture is computed, and where it lands in the tile (or in the grid of tiles).
struct Placement {
  ResampleGeometry geometry;
  uint32_t margin_x = 0, margin_y = 0;
};

Placement whole_placement(const PictureRule& rule, const PixelPlan& plan) {
  Crop columns = {0, plan.resized_width, 0};
  Crop rows = {0, plan.resized_height, 0};
  if (rule.cut == PictureCut::shortest_edge) {
    columns = centred_crop(plan.resized_width, plan.width);
    rows = centred_crop(plan.resized_height, plan.height);
  }
  Placement placement;
  placement.geometry = {plan.source_width, plan.source_height, plan.resized_width, plan.resized_height,
                        columns.first,     rows.first,         columns.count,      rows.count};
  placement.margin_x = columns.margin;
  placement.margin_y = rows.margin;
  return placement;
}

ResampleGeometry thumbnail_geometry(const PixelPlan& plan) {
  return {plan.source_width, plan.source_height, plan.width, plan.height, 0, 0, plan.width, plan.height};
}

// Resamples and hands row after row to sink(y, rgb), y counted from the top of the wanted part.
template <class Sink>
void resample(const Picture& picture, const ResampleGeometry& geometry, ResampleFilter filter, Arena arena, Sink sink) {
  Resampler resampler(geometry, filter, &arena);
  uint32_t y = 0;
  for (uint32_t source_y = resampler.source_begin(); source_y < resampler.source_end(); ++source_y) {
    resampler.push(picture.rgb.get() + size_t{source_y} * picture.width * 3);
    while (const uint8_t* row = resampler.next_row()) sink(y++, row);
  }
}

// What resampling takes for a source of this width, however high it is. The height decides only which side goes first:
// the columns do for the lowest source, and if the rows ever do, then for the highest.
size_t resample_bytes(ResampleGeometry geometry, ResampleFilter filter) {
  const size_t highest = std::min<size_t>(limits::kPictureSideMax, limits::kPicturePixelsMax / geometry.source_width);
  size_t bytes = 0;
  for (const size_t height : {size_t{1}, highest}) {
    geometry.source_height = static_cast<uint32_t>(height);
    Arena arena;
    const Resampler resampler(geometry, filter, &arena);
    bytes = std::max(bytes, arena.used());
  }
  return bytes;
}

}  // namespace

size_t pixels_scratch_bytes(const PictureRule& rule, const PixelPlan& plan, uint32_t source_width) {
  PixelPlan wide = plan;
  wide.source_width = source_width;
  // The thumbnail is never wider than the grid of tiles, but it may be resampled where the grid need not be.
  const size_t resampling = std::max(resample_bytes(whole_placement(rule, wide).geometry, filter_of(rule)),
                                     resample_bytes(thumbnail_geometry(wide), filter_of(rule)));
  return resampling + round_up(size_t{plan.width} * 3, Arena::kAlignment);
}

Status make_pixels(const PictureRule& rule, const PixelPlan& plan, const Picture& picture, float* pixel_values,
                   void* scratch, size_t scratch_bytes) {
  PixelPlan expected;
  MICA_TRY(plan_pixels(rule, picture.width, picture.height, &expected));
  if (!(plan == expected) || scratch_bytes < pixels_scratch_bytes(rule, plan, picture.width))
    return Status::error(Code::invalid_argument, "a picture of %u x %u pixels: its plan or scratch is for another one",
                         picture.width, picture.height);
  Arena arena(scratch, scratch_bytes);
  const size_t blank_bytes = size_t{plan.width} * 3;
  uint8_t* blank = arena.take<uint8_t>(blank_bytes);
  std::memset(blank, 0, blank_bytes);

  ValueWriter writer(rule, plan, pixel_values);
  const Placement whole = whole_placement(rule, plan);
  const uint32_t kept_width = std::min(plan.width, whole.geometry.width);
  const bool is_filled = kept_width == plan.width && whole.geometry.height >= plan.height;
  for (uint32_t y = 0; !is_filled && y < plan.height; ++y) writer.put(0, y, 0, plan.width, blank);

  resample(picture, whole.geometry, filter_of(rule), arena, [&](uint32_t y, const uint8_t* row) {
    const uint32_t first_tile = y / plan.height * plan.tile_columns;
    for (uint32_t column = 0; column < plan.tile_columns; ++column) {
      const uint8_t* part = row + size_t{column} * plan.width * 3;
      writer.put(first_tile + column, y % plan.height + whole.margin_y, whole.margin_x, kept_width, part);
    }
  });
  if (plan.tiles > plan.tile_columns * plan.tile_rows) {
    resample(picture, thumbnail_geometry(plan), filter_of(rule), arena,
             [&](uint32_t y, const uint8_t* row) { writer.put(plan.tiles - 1, y, 0, plan.width, row); });
  }
  return Status::ok();
}

}  // namespace mica
