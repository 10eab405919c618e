// Pixels: resamples a picture as its plan says and writes normalised values in the tower's layout, row by row. Not the
// plan itself: pixel_plan.cpp.
#include "pixels.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "arena.hpp"
#include "limits.hpp"
#include "picture_cuts.hpp"
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

  // What follows stands in the layers of time from `first` on, `count` of them.
  void set_layers(size_t first, size_t count) {
    first_layer_ = first;
    layers_ = count;
  }

  // `count` pixels of row y of a tile, from column x on.
  void put(uint32_t tile, uint32_t y, uint32_t x, uint32_t count, const uint8_t* rgb) {
    const PixelTile one = tile_of(plan_, tile);
    float* values = values_ + one.first_value;
    switch (rule_.layout) {
      case PictureLayout::planes: return put_in_planes(one.plan, values, y, x, count, rgb);
      case PictureLayout::patches:
      case PictureLayout::patch_rows: return put_in_patches(one.plan, values, y, x, count, rgb);
      case PictureLayout::sequences: return put_in_sequence(one.plan, values, y, x, count, rgb);
    }
  }

 private:
  void put_in_planes(const PixelPlan& tile, float* values, uint32_t y, uint32_t x, uint32_t count, const uint8_t* rgb) {
    for (size_t c = 0; c < 3; ++c) {
      float* out = values + (c * tile.height + y) * tile.width + x;
      for (size_t i = 0; i < count; ++i) out[i] = table_[c][rgb[i * 3 + c]];
    }
  }

  // Patches in the order of merge windows, row by row in each, or all of them row by row; in a patch
  // [3][temporal][patch][patch], where a picture stands in several layers of time.
  void put_in_patches(const PixelPlan& tile, float* values, uint32_t y, uint32_t x, uint32_t count,
                      const uint8_t* rgb) {
    const size_t patch = rule_.patch, merge = rule_.layout == PictureLayout::patches ? rule_.merge : 1;
    const size_t patch_y = y / patch, window_y = patch_y / merge;
    const size_t window_columns = tile.grid_width / merge;
    while (count > 0) {
      const size_t patch_x = x / patch, window_x = patch_x / merge;
      const size_t index = (window_y * window_columns + window_x) * merge * merge + (patch_y % merge) * merge +
                           patch_x % merge;
      const size_t run = std::min<size_t>(count, patch - x % patch);
      float* first = values + index * tile.patch_values + (y % patch) * patch + x % patch;
      for (size_t c = 0; c < 3; ++c) {
        float* out = first + (c * rule_.temporal + first_layer_) * patch * patch;
        for (size_t i = 0; i < run; ++i) out[i] = table_[c][rgb[i * 3 + c]];
        for (size_t t = 1; t < layers_; ++t) std::memcpy(out + t * patch * patch, out, run * sizeof *out);
      }
      x += static_cast<uint32_t>(run);
      count -= static_cast<uint32_t>(run);
      rgb += run * 3;
    }
  }

  void put_in_sequence(const PixelPlan& tile, float* values, uint32_t y, uint32_t x, uint32_t count,
                       const uint8_t* rgb) {
    const size_t patch = rule_.patch, row = size_t{y} / patch * tile.grid_width;
    for (size_t i = 0; i < count; ++i, ++x, rgb += 3) {
      float* out = values + (row + x / patch) * tile.patch_values + (y % patch * patch + x % patch) * 3;
      for (size_t c = 0; c < 3; ++c) out[c] = table_[c][rgb[c]];
    }
  }

  const PictureRule& rule_;
  const PixelPlan& plan_;
  float* values_;
  size_t first_layer_ = 0, layers_ = 1;
  float table_[3][256];  // the value of each colour and pixel
};

// Both are in PIL's order.
ResampleFilter filter_of(const PictureRule& rule) { return static_cast<ResampleFilter>(rule.filter); }

// The rows that are resampled: the picture's own, or a copy where it is transparent or put into a square.
class SourceRows {
 public:
  // Takes row_bytes(plan.padded_width) of `arena`.
  SourceRows(const PictureRule& rule, const PixelPlan& plan, const Picture& picture, Arena* arena)
      : rule_(rule), plan_(plan), picture_(picture), copy_(arena->take<uint8_t>(row_bytes(plan.padded_width))) {
    left_ = (plan.padded_width - plan.source_width) / 2;
    top_ = (plan.padded_height - plan.source_height) / 2;
    on_white_ = picture.alpha != nullptr && rule.transparency == PictureTransparency::on_white;
  }

  static size_t row_bytes(uint32_t padded_width) { return size_t{padded_width} * 3; }

  // Valid until the next call.
  const uint8_t* row(uint32_t y) const {
    const bool inside = y >= top_ && y - top_ < plan_.source_height;
    const size_t first = inside ? size_t{y - top_} * plan_.source_width : 0;
    const uint8_t* stored = picture_.rgb.get() + first * 3;
    const bool padded = plan_.padded_width != plan_.source_width;
    if (inside && !padded && !on_white_) return stored;
    if (!inside || padded)
      for (size_t x = 0; x < plan_.padded_width; ++x) std::memcpy(copy_ + x * 3, rule_.pad_color, 3);
    uint8_t* target = copy_ + size_t{left_} * 3;
    if (inside && on_white_) put_on_white(stored, picture_.alpha.get() + first, plan_.source_width, target);
    if (inside && !on_white_) std::memcpy(target, stored, row_bytes(plan_.source_width));
    return copy_;
  }

 private:
  const PictureRule& rule_;
  const PixelPlan& plan_;
  const Picture& picture_;
  uint8_t* copy_;
  uint32_t left_, top_;
  bool on_white_;
};

// What of the resized picture is computed, and where it lands in the tile (or in the grid of tiles).
struct Placement {
  ResampleGeometry geometry;
  uint32_t margin_x = 0, margin_y = 0;
};

ResampleGeometry whole(uint32_t source_width, uint32_t source_height, uint32_t width, uint32_t height) {
  return {source_width, source_height, width, height, 0, 0, width, height};
}

Placement whole_placement(const PictureRule& rule, const PixelPlan& plan) {
  Crop columns = {0, plan.resized_width, 0};
  Crop rows = {0, plan.resized_height, 0};
  if (row_of(rule.cut).crops) {
    columns = centred_crop(plan.resized_width, plan.width);
    rows = centred_crop(plan.resized_height, plan.height);
  }
  if (row_of(rule.cut).fills_up) {
    columns.margin = (plan.width * plan.tile_columns - plan.resized_width) / 2;
    rows.margin = (plan.height * plan.tile_rows - plan.resized_height) / 2;
  }
  const bool is_second = plan.first_width != 0;
  Placement placement;
  placement.geometry = {is_second ? plan.first_width : plan.padded_width,
                        is_second ? plan.first_height : plan.padded_height,
                        plan.resized_width, plan.resized_height,
                        columns.first,      rows.first,
                        columns.count,      rows.count};
  placement.margin_x = columns.margin;
  placement.margin_y = rows.margin;
  return placement;
}

// Resizes that follow each other, each of the whole of what the one before gives.
struct ResampleSteps {
  static constexpr size_t kMost = 3;
  ResampleGeometry steps[kMost];
  size_t count = 0;
  bool columns_first = false;
  void add(ResampleGeometry step) {
    step.columns_first = columns_first;
    steps[count++] = step;
  }
};

ResampleSteps steps_before(const PictureRule& rule, const PixelPlan& plan) {
  ResampleSteps all;
  all.columns_first = rule.columns_first;
  if (plan.first_width != 0)
    all.add(whole(plan.padded_width, plan.padded_height, plan.first_width, plan.first_height));
  return all;
}

ResampleSteps steps_of_tiles(const PictureRule& rule, const PixelPlan& plan) {
  ResampleSteps all = steps_before(rule, plan);
  all.add(whole_placement(rule, plan).geometry);
  return all;
}

ResampleSteps steps_of_thumbnail(const PictureRule& rule, const PixelPlan& plan) {
  const bool of_tiles = row_of(rule.cut).thumbnail_of_tiles;
  ResampleSteps all = of_tiles ? steps_of_tiles(rule, plan) : steps_before(rule, plan);
  const uint32_t width = of_tiles ? plan.resized_width : all.count != 0 ? plan.first_width : plan.padded_width;
  const uint32_t height = of_tiles ? plan.resized_height : all.count != 0 ? plan.first_height : plan.padded_height;
  const bool has_size = plan.overview_width != 0;
  all.add(whole(width, height, has_size ? plan.overview_width : plan.width,
                has_size ? plan.overview_height : plan.height));
  return all;
}

// Resamples and hands row after row to sink(y, rgb), y counted from the top of the wanted part.
template <class Sink>
class ResampleChain {
 public:
  ResampleChain(const ResampleSteps& steps, ResampleFilter filter, Arena arena, Sink sink)
      : count_(steps.count), sink_(sink) {
    for (size_t i = 0; i < count_; ++i) resamplers_[i].emplace(steps.steps[i], filter, &arena);
  }

  void run(const SourceRows& rows) {
    for (uint32_t y = resamplers_[0]->source_begin(); y < resamplers_[0]->source_end(); ++y) push(0, y, rows.row(y));
  }

 private:
  void push(size_t step, uint32_t y, const uint8_t* row) {
    Resampler& resampler = *resamplers_[step];
    if (y < resampler.source_begin() || y >= resampler.source_end()) return;
    resampler.push(row);
    while (const uint8_t* made = resampler.next_row()) {
      const uint32_t made_y = made_[step]++;
      const size_t next = step + 1;
      if (next < count_ && next < ResampleSteps::kMost) push(next, made_y, made);
      else sink_(made_y, made);
    }
  }

  std::optional<Resampler> resamplers_[ResampleSteps::kMost];
  uint32_t made_[ResampleSteps::kMost] = {};
  size_t count_;
  Sink sink_;
};

// What resampling takes for a source of this width, however high it is. The height decides only which side goes first:
// the columns do for the lowest source, and if the rows ever do, then for the highest. Later steps have the source that
// the plan says.
size_t resample_bytes(const ResampleSteps& all, ResampleFilter filter) {
  ResampleGeometry geometry = all.steps[0];
  const size_t highest = std::min<size_t>(limits::kPictureSideMax, limits::kPicturePixelsMax / geometry.source_width);
  size_t bytes = 0;
  for (const size_t height : {size_t{1}, highest}) {
    geometry.source_height = static_cast<uint32_t>(height);
    Arena arena;
    const Resampler resampler(geometry, filter, &arena);
    bytes = std::max(bytes, arena.used());
  }
  for (size_t i = 1; i < all.count; ++i) {
    Arena arena;
    const Resampler resampler(all.steps[i], filter, &arena);
    bytes += round_up(arena.used(), Arena::kAlignment);
  }
  return bytes;
}

}  // namespace

size_t pixels_scratch_bytes(const PictureRule& rule, const PixelPlan& plan, uint32_t source_width) {
  PixelPlan wide = plan;
  wide.padded_width = rule.pads_to_square ? std::max(source_width, plan.source_height) : source_width;
  // The thumbnail is never wider than the grid of tiles, but it may be resampled where the grid need not be.
  const size_t resampling = std::max(resample_bytes(steps_of_tiles(rule, wide), filter_of(rule)),
                                     resample_bytes(steps_of_thumbnail(rule, wide), filter_of(rule)));
  return resampling + round_up(size_t{plan.width} * 3, Arena::kAlignment) +
         round_up(SourceRows::row_bytes(wide.padded_width), Arena::kAlignment);
}

namespace {

// One of the pictures, to the layers of time that the writer is at.
void put_picture(const PictureRule& rule, const PixelPlan& plan, const Picture& picture, Arena arena,
                 ValueWriter* writer) {
  const size_t blank_bytes = size_t{plan.width} * 3;
  uint8_t* blank = arena.take<uint8_t>(blank_bytes);
  std::memset(blank, 0, blank_bytes);
  const SourceRows rows(rule, plan, picture, &arena);
  const Placement placed = whole_placement(rule, plan);
  const uint32_t grid_tiles = plan.grid_tiles();
  const uint32_t first_tile = plan.has_overview() && plan.overview_first ? 1 : 0;
  const bool is_filled = placed.geometry.width >= plan.width * plan.tile_columns &&
                         placed.geometry.height >= plan.height * plan.tile_rows;
  for (uint32_t tile = 0; !is_filled && tile < grid_tiles; ++tile)
    for (uint32_t y = 0; y < plan.height; ++y) writer->put(first_tile + tile, y, 0, plan.width, blank);

  const auto put_in_tiles = [&](uint32_t y, const uint8_t* row) {
    const uint32_t grid_y = y + placed.margin_y, end = placed.margin_x + placed.geometry.width;
    const uint32_t row_first = first_tile + grid_y / plan.height * plan.tile_columns;
    for (uint32_t column = 0; column < plan.tile_columns; ++column) {
      const uint32_t left = column * plan.width;
      const uint32_t from = std::max(left, placed.margin_x), to = std::min(left + plan.width, end);
      if (from < to)
        writer->put(row_first + column, grid_y % plan.height, from - left, to - from,
                    row + size_t{from - placed.margin_x} * 3);
    }
  };
  ResampleChain(steps_of_tiles(rule, plan), filter_of(rule), arena, put_in_tiles).run(rows);
  if (plan.has_overview()) {
    const uint32_t width = plan.overview_width != 0 ? plan.overview_width : plan.width;
    const auto put_thumbnail = [&](uint32_t y, const uint8_t* row) {
      writer->put(plan.overview_tile(), y, 0, width, row);
    };
    ResampleChain(steps_of_thumbnail(rule, plan), filter_of(rule), arena, put_thumbnail).run(rows);
  }
}

}  // namespace

Status make_pixels(const PictureRule& rule, const PixelPlan& plan, std::span<const Picture* const> pictures,
                   float* pixel_values, void* scratch, size_t scratch_bytes) {
  if (pictures.empty() || pictures.size() > rule.temporal)
    return Status::error(Code::invalid_argument, "%zu pictures, but a patch holds %u", pictures.size(), rule.temporal);
  for (const Picture* picture : pictures) {
    PixelPlan expected;
    MICA_TRY(plan_pixels(rule, picture->width, picture->height, &expected));
    expected.shown = plan.shown;
    if (!(plan == expected) || scratch_bytes < pixels_scratch_bytes(rule, plan, picture->width))
      return Status::error(Code::invalid_argument,
                           "a picture of %u x %u pixels: its plan or scratch is for another one", picture->width,
                           picture->height);
  }
  ValueWriter writer(rule, plan, pixel_values);
  if (plan.patches_room != 0) std::fill_n(pixel_values, plan.values, 0.0f);
  for (size_t i = 0; i < pictures.size(); ++i) {
    writer.set_layers(i, i + 1 == pictures.size() ? rule.temporal - i : 1);
    put_picture(rule, plan, *pictures[i], Arena(scratch, scratch_bytes), &writer);
  }
  return Status::ok();
}

}  // namespace mica
