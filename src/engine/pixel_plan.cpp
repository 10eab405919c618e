// The plan of a picture: from its size and a PictureRule to sizes, tiles and patches, rounded as transformers' image
// processors (in Python) round. No pixel is touched here.
#include <algorithm>
#include <cmath>

#include "checked.hpp"
#include "limits.hpp"
#include "pixels.hpp"

namespace mica {

namespace {

Status check_rule(const PictureRule& rule) {
  const auto within = [](uint32_t value, uint32_t max) { return value >= 1 && value <= max; };
  if (rule.cut == PictureCut::none)
    return Status::error(Code::invalid_argument, "this model reads text only, not pictures");
  if (!within(rule.patch, limits::kPatchSideMax) || !within(rule.merge, limits::kPatchMergeMax) ||
      !within(rule.temporal, limits::kPatchTemporalMax))
    return Status::error(Code::limit_exceeded,
                         "picture rule: patch %u, merge %u, temporal %u; each is at least 1, at most %u, %u, %u",
                         rule.patch, rule.merge, rule.temporal, limits::kPatchSideMax, limits::kPatchMergeMax,
                         limits::kPatchTemporalMax);
  if (rule.cut == PictureCut::smart_resize) {
    if (rule.pixels_min == 0 || rule.pixels_max == 0)
      return Status::error(Code::invalid_argument, "picture rule: pixels_min %u and pixels_max %u must not be zero",
                           rule.pixels_min, rule.pixels_max);
  } else if (!within(rule.width, limits::kPictureRuleSideMax) || !within(rule.height, limits::kPictureRuleSideMax)) {
    return Status::error(Code::limit_exceeded, "picture rule: size %u x %u; each side is at least 1, at most %u",
                         rule.width, rule.height, limits::kPictureRuleSideMax);
  }
  if (rule.cut == PictureCut::shortest_edge && !within(rule.shortest_edge, limits::kPictureRuleSideMax))
    return Status::error(Code::limit_exceeded, "picture rule: shortest_edge %u; it is at least 1, at most %u",
                         rule.shortest_edge, limits::kPictureRuleSideMax);
  if (rule.cut == PictureCut::tiles && rule.tiles_max > limits::kPictureTilesMax)
    return Status::error(Code::limit_exceeded, "picture rule: tiles_max %u is more than %u", rule.tiles_max,
                         limits::kPictureTilesMax);
  return Status::ok();
}

// transformers' get_resize_output_image_size: the longer side is truncated, not rounded.
void plan_shortest_edge(const PictureRule& rule, PixelPlan* plan) {
  const uint32_t shorter = std::min(plan->source_width, plan->source_height);
  const uint32_t longer = std::max(plan->source_width, plan->source_height);
  const uint32_t resized_longer = static_cast<uint32_t>(static_cast<double>(rule.shortest_edge) * longer / shorter);
  const bool upright = plan->source_width <= plan->source_height;
  plan->resized_width = upright ? rule.shortest_edge : resized_longer;
  plan->resized_height = upright ? resized_longer : rule.shortest_edge;
}

// Qwen2-VL's smart_resize: sides to multiples of patch * merge, the area into [pixels_min, pixels_max].
Status plan_smart_resize(const PictureRule& rule, PixelPlan* plan) {
  constexpr double kAspectRatioMax = 200;  // as transformers has it
  const double width = plan->source_width, height = plan->source_height;
  const double factor = static_cast<double>(rule.patch) * rule.merge;
  if (std::max(width, height) / std::min(width, height) > kAspectRatioMax)
    return Status::error(Code::invalid_argument,
                         "a picture of %u x %u pixels: the longer side is more than %g times the shorter; crop it",
                         plan->source_width, plan->source_height, kAspectRatioMax);
  // std::rint rounds halves to even, as Python's round.
  double resized_height = std::rint(height / factor) * factor;
  double resized_width = std::rint(width / factor) * factor;
  if (resized_height * resized_width > rule.pixels_max) {
    const double beta = std::sqrt(height * width / rule.pixels_max);
    resized_height = std::max(factor, std::floor(height / beta / factor) * factor);
    resized_width = std::max(factor, std::floor(width / beta / factor) * factor);
  } else if (resized_height * resized_width < rule.pixels_min) {
    const double beta = std::sqrt(rule.pixels_min / (height * width));
    resized_height = std::ceil(height * beta / factor) * factor;
    resized_width = std::ceil(width * beta / factor) * factor;
  }
  // At most 200 times the square root of 2^32 pixels, rounded up to the factor: fits.
  plan->resized_width = static_cast<uint32_t>(resized_width);
  plan->resized_height = static_cast<uint32_t>(resized_height);
  return Status::ok();
}

// GotOcr2ImageProcessor.crop_image_to_patches: of the grids with tiles_min to tiles_max tiles the one whose aspect
// ratio is nearest; of equally near ones a larger, while the picture has more than half of the pixels of its tiles.
void plan_tiles(const PictureRule& rule, PixelPlan* plan) {
  const double aspect_ratio = static_cast<double>(plan->source_width) / plan->source_height;
  const double area = static_cast<double>(plan->source_width) * plan->source_height;
  const double tile_area = static_cast<double>(rule.width) * rule.height;
  double nearest = INFINITY;
  for (uint32_t count = std::max(rule.tiles_min, 1u); rule.tiles_max > 1 && count <= rule.tiles_max; ++count) {
    for (uint32_t columns = 1; columns <= count; ++columns) {
      if (count % columns != 0) continue;
      const uint32_t rows = count / columns;
      const double distance = std::fabs(aspect_ratio - static_cast<double>(columns) / rows);
      const bool larger_is_worth_it = area > 0.5 * tile_area * count;
      if (distance < nearest || (distance == nearest && larger_is_worth_it)) {
        nearest = distance;
        plan->tile_columns = columns;
        plan->tile_rows = rows;
      }
    }
  }
  plan->tiles = plan->tile_columns * plan->tile_rows;
  if (rule.thumbnail && plan->tiles > 1) ++plan->tiles;
  plan->resized_width = rule.width * plan->tile_columns;
  plan->resized_height = rule.height * plan->tile_rows;
}

// What follows from the size and number of tiles: patches and values.
Status count_values(const PictureRule& rule, PixelPlan* plan) {
  plan->grid_width = plan->width / rule.patch;
  plan->grid_height = plan->height / rule.patch;
  plan->patch_values = size_t{3} * rule.temporal * rule.patch * rule.patch;
  if (plan->grid_width == 0 || plan->grid_height == 0)
    return Status::error(Code::invalid_argument, "picture rule: %u x %u pixels hold no patch of %u x %u", plan->width,
                         plan->height, rule.patch, rule.patch);
  size_t values = 0;
  bool fits = checked_mul(size_t{plan->width}, plan->height, &values) && checked_mul(values, plan->tiles, &values) &&
              checked_mul(values, 3, &values);
  if (rule.layout == PictureLayout::patches) {
    const uint32_t window = rule.patch * rule.merge;
    if (plan->width % window != 0 || plan->height % window != 0)
      return Status::error(Code::invalid_argument, "picture rule: %u x %u pixels are not whole windows of %u x %u",
                           plan->width, plan->height, window, window);
    fits = fits && checked_mul(values, rule.temporal, &values);
  }
  if (!fits || values > limits::kPixelValuesMax)
    return Status::error(Code::limit_exceeded,
                         "a picture of %u x %u pixels becomes more than %zu values; make it smaller",
                         plan->source_width, plan->source_height, limits::kPixelValuesMax);
  plan->values = values;
  plan->patches = size_t{plan->tiles} * plan->grid_width * plan->grid_height;
  return Status::ok();
}

}  // namespace

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
  plan.tiles = 1;
  plan.width = plan.resized_width = rule.width;
  plan.height = plan.resized_height = rule.height;
  if (rule.cut == PictureCut::shortest_edge) plan_shortest_edge(rule, &plan);
  if (rule.cut == PictureCut::tiles) plan_tiles(rule, &plan);
  if (rule.cut == PictureCut::smart_resize) {
    MICA_TRY(plan_smart_resize(rule, &plan));
    plan.width = plan.resized_width;
    plan.height = plan.resized_height;
  }
  MICA_TRY(count_values(rule, &plan));
  *out = plan;
  return Status::ok();
}

}  // namespace mica
