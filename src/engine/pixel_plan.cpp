// The plan of a picture: from its size and a PictureRule to sizes, tiles and patches. What differs by the rule's cut:
// picture_cuts.cpp. No pixel is touched here.
#include <algorithm>

#include "checked.hpp"
#include "limits.hpp"
#include "picture_cuts.hpp"
#include "pixels.hpp"

namespace mica {

namespace {

Status check_rule(const PictureRule& rule) {
  const auto within = [](uint32_t value, uint32_t max) { return value >= 1 && value <= max; };
  if (!within(rule.patch, limits::kPatchSideMax) || !within(rule.merge, limits::kPatchMergeMax) ||
      !within(rule.temporal, limits::kPatchTemporalMax))
    return Status::error(Code::limit_exceeded,
                         "picture rule: patch %u, merge %u, temporal %u; each is at least 1, at most %u, %u, %u",
                         rule.patch, rule.merge, rule.temporal, limits::kPatchSideMax, limits::kPatchMergeMax,
                         limits::kPatchTemporalMax);
  if (rule.layout == PictureLayout::sequences && !within(rule.patches_room, limits::kPatchesRoomMax))
    return Status::error(Code::limit_exceeded, "picture rule: room for %u patches; at least 1, at most %u",
                         rule.patches_room, limits::kPatchesRoomMax);
  return row_of(rule.cut).check(rule);
}

// The square that a picture is put into, where the rule wants one.
Status plan_padding(const PictureRule& rule, PixelPlan* plan) {
  plan->padded_width = plan->source_width;
  plan->padded_height = plan->source_height;
  if (!rule.pads_to_square) return Status::ok();
  plan->padded_width = plan->padded_height = std::max(plan->source_width, plan->source_height);
  if (uint64_t{plan->padded_width} * plan->padded_height > limits::kPaddedPixelsMax)
    return Status::error(Code::limit_exceeded,
                         "a picture of %u x %u pixels: this model makes a square of it, of more than %zu pixels; make "
                         "it smaller",
                         plan->source_width, plan->source_height, limits::kPaddedPixelsMax);
  return Status::ok();
}

// The patches of a tile or a thumbnail, and the values of `count` of them.
Status count_tiles(const PictureRule& rule, const PixelPlan& plan, uint32_t width, uint32_t height, uint32_t count,
                   uint32_t* grid_width, uint32_t* grid_height, size_t* values) {
  *grid_width = width / rule.patch;
  *grid_height = height / rule.patch;
  if (*grid_width == 0 || *grid_height == 0)
    return Status::error(Code::invalid_argument, "picture rule: %u x %u pixels hold no patch of %u x %u", width, height,
                         rule.patch, rule.patch);
  bool fits = checked_mul(size_t{width}, height, values) && checked_mul(*values, count, values) &&
              checked_mul(*values, 3, values);
  if (rule.layout != PictureLayout::planes) {
    const uint32_t window = rule.patch * rule.merge;
    if (width % window != 0 || height % window != 0)
      return Status::error(Code::invalid_argument, "picture rule: %u x %u pixels are not whole windows of %u x %u",
                           width, height, window, window);
    fits = fits && checked_mul(*values, rule.temporal, values);
  }
  if (rule.layout == PictureLayout::sequences) {
    if (size_t{*grid_width} * *grid_height > rule.patches_room)
      return Status::error(Code::invalid_argument, "picture rule: %u x %u pixels are more patches than %u", width,
                           height, rule.patches_room);
    *values = size_t{count} * rule.patches_room * plan.patch_values;
  }
  if (fits && *values <= limits::kPixelValuesMax) return Status::ok();
  return Status::error(Code::limit_exceeded,
                       "a picture of %u x %u pixels becomes more than %zu values; make it smaller", plan.source_width,
                       plan.source_height, limits::kPixelValuesMax);
}

// What follows from the sizes and number of tiles: patches and values.
Status count_values(const PictureRule& rule, PixelPlan* plan) {
  const bool has_size = plan->overview_width != 0;  // the thumbnail, of its own
  const uint32_t alike = plan->tiles - has_size;
  size_t overview_values = 0;
  plan->patch_values = size_t{3} * rule.temporal * rule.patch * rule.patch;
  MICA_TRY(count_tiles(rule, *plan, plan->width, plan->height, alike, &plan->grid_width, &plan->grid_height,
                       &plan->values));
  if (has_size)
    MICA_TRY(count_tiles(rule, *plan, plan->overview_width, plan->overview_height, 1, &plan->overview_grid_width,
                         &plan->overview_grid_height, &overview_values));
  plan->values += overview_values;
  plan->patches = size_t{alike} * plan->grid_width * plan->grid_height +
                  size_t{plan->overview_grid_width} * plan->overview_grid_height;
  return Status::ok();
}

}  // namespace

PixelTile tile_of(const PixelPlan& plan, uint32_t tile) {
  PixelTile one{.plan = plan};
  PixelPlan& own = one.plan;
  const bool has_size = plan.overview_width != 0;
  const size_t overview_patches = size_t{plan.overview_grid_width} * plan.overview_grid_height;
  // Values of all tiles but a thumbnail of its own size, which has as many a pixel.
  const size_t pixels = size_t{plan.width} * plan.height;
  const size_t overview_pixels = size_t{plan.overview_width} * plan.overview_height;
  const size_t a_pixel = plan.values / (pixels * (plan.tiles - has_size) + overview_pixels);
  const bool is_overview = has_size && tile == plan.overview_tile();
  const size_t before = tile - (has_size && plan.overview_first && tile > 0);
  own.values = a_pixel * (is_overview ? overview_pixels : pixels);
  one.first_value = a_pixel * (before * pixels + (before != tile ? overview_pixels : 0));
  if (is_overview) {
    own.width = plan.overview_width;
    own.height = plan.overview_height;
    own.grid_width = plan.overview_grid_width;
    own.grid_height = plan.overview_grid_height;
  }
  own.tiles = own.tile_columns = own.tile_rows = 1;
  own.resized_width = own.width;
  own.resized_height = own.height;
  own.overview_width = own.overview_height = own.overview_grid_width = own.overview_grid_height = 0;
  if (plan.patches_room != 0) {
    own.values = plan.values / plan.tiles;
    one.first_value = tile * own.values;
  }
  own.patches = is_overview ? overview_patches : size_t{plan.grid_width} * plan.grid_height;
  return one;
}

Status plan_pixels(const PictureRule& rule, uint32_t width, uint32_t height, PixelPlan* out) {
  MICA_TRY(check_rule(rule));
  if (width == 0 || height == 0)
    return Status::error(Code::invalid_argument, "a picture of %u x %u pixels has nothing to show", width, height);
  if (width > limits::kPictureSideMax || height > limits::kPictureSideMax ||
      uint64_t{width} * height > limits::kPicturePixelsMax)
    return Status::error(Code::limit_exceeded, "a picture of %u x %u pixels; mica reads %zu in all, %u a side", width,
                         height, limits::kPicturePixelsMax, limits::kPictureSideMax);
  PixelPlan plan;
  plan.source_width = width;
  plan.source_height = height;
  MICA_TRY(plan_padding(rule, &plan));
  plan.tiles = 1;
  plan.width = plan.resized_width = rule.width;
  plan.height = plan.resized_height = rule.height;
  if (rule.layout == PictureLayout::sequences) plan.patches_room = rule.patches_room;
  plan.overview_first = row_of(rule.cut).thumbnail_first;
  MICA_TRY(row_of(rule.cut).plan(rule, &plan));
  MICA_TRY(count_values(rule, &plan));
  *out = plan;
  return Status::ok();
}

}  // namespace mica
