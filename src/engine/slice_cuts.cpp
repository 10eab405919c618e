// SliceCuts: sizes, rounded as the published processors (in Python) round them.
#include "slice_cuts.hpp"

#include <algorithm>
#include <cmath>

#include "checked.hpp"
#include "limits.hpp"

namespace mica {
namespace {

// Sides of a token in pixels.
double token_side(const PictureRule& rule) { return static_cast<double>(rule.patch) * rule.merge; }

uint64_t token_pixels(const PictureRule& rule) {
  return uint64_t{rule.patch} * rule.merge * rule.patch * rule.merge;
}

// Python's round: halves to even.
double to_multiple(double side, double unit) { return std::max(std::rint(side / unit) * unit, unit); }

Status check_aspect(const PixelPlan& plan) {
  const double width = plan.padded_width, height = plan.padded_height;
  if (std::max(width, height) / std::min(width, height) <= kPictureAspectRatioMax) return Status::ok();
  return Status::error(Code::invalid_argument,
                       "a picture of %u x %u pixels: the longer side is more than %g times the shorter; crop it",
                       plan.source_width, plan.source_height, kPictureAspectRatioMax);
}

struct Sides {
  double width, height;
};

void set_size(const Sides& sides, uint32_t* width, uint32_t* height) {
  *width = static_cast<uint32_t>(sides.width);
  *height = static_cast<uint32_t>(sides.height);
}

// The most tokens of a picture whose sides make `tokens` before both are rounded, each by a share of a token at most and
// never below one.
uint64_t rounded_most(double tokens, double share) {
  const double side = std::sqrt(tokens), longest = std::sqrt(kPictureAspectRatioMax);
  return static_cast<uint64_t>(
      std::ceil(std::max(tokens + share * side * (longest + 1 / longest) + 1, side * longest + 1)));
}

}  // namespace

// ---- large tiles ---------------------------------------------------------------------------------------------------

Status check_large_tiles(const PictureRule& rule) {
  const double side = token_side(rule);
  const bool whole = std::fmod(rule.width, side) == 0 && std::fmod(rule.height, side) == 0;
  if (rule.width == 0 || rule.width > limits::kPictureRuleSideMax || rule.width != rule.height || !whole)
    return Status::error(Code::limit_exceeded, "picture rule: tiles of %u x %u; they are squares of whole tokens of %g "
                         "pixels a side, of at most %u", rule.width, rule.height, side, limits::kPictureRuleSideMax);
  if (rule.pixels_min == 0 || rule.pixels_max < rule.pixels_min || !(rule.cut_from_pixels > 0))
    return Status::error(Code::invalid_argument, "picture rule: pixels_min %u, pixels_max %u, cut from %g on",
                         rule.pixels_min, rule.pixels_max, rule.cut_from_pixels);
  if (rule.tiles_min >= 1 && rule.tiles_min <= rule.tiles_max && rule.tiles_max < limits::kPictureTilesMax)
    return Status::ok();
  return Status::error(Code::limit_exceeded, "picture rule: tiles_min %u, tiles_max %u; at most %u", rule.tiles_min,
                       rule.tiles_max, limits::kPictureTilesMax - 1);
}

namespace {

// Lfm2VlImageProcessor.smart_resize.
Sides whole_size(const PictureRule& rule, double width, double height) {
  const double factor = token_side(rule);
  Sides sides = {to_multiple(width, factor), to_multiple(height, factor)};
  if (sides.width * sides.height > rule.pixels_max) {
    const double beta = std::sqrt(height * width / rule.pixels_max);
    sides = {std::max(factor, std::floor(width / beta / factor) * factor),
             std::max(factor, std::floor(height / beta / factor) * factor)};
  } else if (sides.width * sides.height < rule.pixels_min) {
    const double beta = std::sqrt(rule.pixels_min / (height * width));
    sides = {std::ceil(width * beta / factor) * factor, std::ceil(height * beta / factor) * factor};
  }
  return sides;
}

bool is_large(const PictureRule& rule, double width, double height) {
  const double factor = token_side(rule), least = rule.patch;
  return std::max(least, std::rint(height / factor) * factor) * std::max(least, std::rint(width / factor) * factor) >
         rule.cut_from_pixels;
}

}  // namespace

Status plan_large_tiles(const PictureRule& rule, PixelPlan* plan) {
  MICA_TRY(check_aspect(*plan));
  const double width = plan->padded_width, height = plan->padded_height;
  const Sides sides = whole_size(rule, width, height);
  if (rule.tiles_max > 1 && is_large(rule, width, height)) {
    MICA_TRY(plan_tiles(rule, plan));  // of the rule's size, in the grid whose aspect ratio is nearest
    if (plan->has_overview()) set_size(sides, &plan->overview_width, &plan->overview_height);
    return Status::ok();
  }
  set_size(sides, &plan->width, &plan->height);
  plan->resized_width = plan->width;
  plan->resized_height = plan->height;
  return Status::ok();
}

namespace {

uint64_t large_tile_tokens(const PictureRule& rule) { return uint64_t{rule.width} * rule.height / token_pixels(rule); }

uint64_t whole_most(const PictureRule& rule) {
  const auto pixels = static_cast<double>(token_pixels(rule));
  return std::max(rounded_most(rule.pixels_min / pixels, 1), rounded_most(rule.pixels_max / pixels, 0));
}

}  // namespace

uint64_t large_tiles_tile_most(const PictureRule& rule) {
  return std::max(whole_most(rule), rule.tiles_max > 1 ? large_tile_tokens(rule) : 0);
}

uint64_t large_tiles_most(const PictureRule& rule) { return uint64_t{rule.tiles_max} + (rule.tiles_max > 1); }

TokenRange large_tiles_tokens(const PictureRule& rule, uint64_t) {
  const uint64_t whole = rule.pixels_max / token_pixels(rule);
  return {std::max<uint64_t>(1, rule.pixels_min / token_pixels(rule)),
          std::max<uint64_t>(1, whole + (rule.tiles_max > 1 ? rule.tiles_max * large_tile_tokens(rule) : 0))};
}

uint64_t large_tiles_tokens_max(const PictureRule& rule, uint64_t) {
  return whole_most(rule) + (rule.tiles_max > 1 ? rule.tiles_max * large_tile_tokens(rule) : 0);
}

// Fewer tiles, then none, then a smaller whole.
void large_tiles_within(const TokenRange& wanted, uint64_t, PictureRule* rule) {
  const uint64_t whole = rule->pixels_max / token_pixels(*rule), tile = std::max<uint64_t>(1, large_tile_tokens(*rule));
  const uint64_t tiles = wanted.most > whole ? (wanted.most - whole) / tile : 0;
  if (tiles < rule->tiles_max) rule->tiles_max = static_cast<uint32_t>(tiles);
  if (rule->tiles_max < std::max(2u, rule->tiles_min)) rule->tiles_min = rule->tiles_max = 1;
  const uint64_t most = std::max<uint64_t>(1, std::min<uint64_t>(wanted.most, UINT32_MAX)) * token_pixels(*rule);
  const uint64_t least = std::max<uint64_t>(rule->pixels_min, std::min<uint64_t>(wanted.least, UINT32_MAX) *
                                                                  token_pixels(*rule));
  rule->pixels_max = static_cast<uint32_t>(std::min<uint64_t>(rule->pixels_max, most));
  rule->pixels_min = static_cast<uint32_t>(std::min<uint64_t>(rule->pixels_max, least));
}

// ---- slices --------------------------------------------------------------------------------------------------------

Status check_slices(const PictureRule& rule) {
  if (rule.slice_side == 0 || rule.slice_side > limits::kPictureRuleSideMax)
    return Status::error(Code::limit_exceeded, "picture rule: slices of about %u x %u pixels; each side is at least 1, "
                         "at most %u", rule.slice_side, rule.slice_side, limits::kPictureRuleSideMax);
  if (rule.tiles_max >= 1 && rule.tiles_max < limits::kPictureTilesMax) return Status::ok();
  return Status::error(Code::limit_exceeded, "picture rule: tiles_max %u; at least 1, at most %u", rule.tiles_max,
                       limits::kPictureTilesMax - 1);
}

namespace {

// find_best_resize: about slice_side x slice_side pixels where there are more, or where it may grow, in whole tokens.
Sides best_size(const PictureRule& rule, double width, double height, bool may_grow) {
  const double side = rule.slice_side;
  if (width * height > side * side || may_grow) {
    const double ratio = width / height;
    height = std::trunc(side / std::sqrt(ratio));
    width = std::trunc(height * ratio);
  }
  return {to_multiple(width, token_side(rule)), to_multiple(height, token_side(rule))};
}

// get_sliced_grid: of the grids of about as many slices as the picture has pixels for, that whose aspect ratio is
// nearest; the first of equal ones, which has the fewest columns.
void choose_grid(const PictureRule& rule, double width, double height, PixelPlan* plan) {
  const double side = rule.slice_side;
  const double wanted = std::ceil(width * height / (side * side));
  const auto count = static_cast<uint32_t>(std::min<double>(wanted, rule.tiles_max));
  double nearest = INFINITY;
  for (uint32_t slices = count - (count > 0); slices <= count + 1; ++slices) {
    if (count <= 1 || slices <= 1 || slices > rule.tiles_max) continue;
    for (uint32_t columns = 1; columns <= slices; ++columns) {
      if (slices % columns != 0) continue;
      const double distance = std::fabs(std::log(width / height) -
                                        std::log(static_cast<double>(columns) / (slices / columns)));
      if (distance >= nearest) continue;
      nearest = distance;
      plan->tile_columns = columns;
      plan->tile_rows = slices / columns;
    }
  }
}

}  // namespace

Status plan_slices(const PictureRule& rule, PixelPlan* plan) {
  MICA_TRY(check_aspect(*plan));
  const double width = plan->padded_width, height = plan->padded_height;
  choose_grid(rule, width, height, plan);
  const bool is_cut = plan->grid_tiles() > 1;
  const Sides whole = best_size(rule, width, height, !is_cut);
  if (!is_cut) {
    set_size(whole, &plan->width, &plan->height);
  } else {
    const double columns = plan->tile_columns, rows = plan->tile_rows;
    const Sides slice =
        best_size(rule, to_multiple(width, columns) / columns, to_multiple(height, rows) / rows, true);
    set_size(slice, &plan->width, &plan->height);
    set_size(whole, &plan->overview_width, &plan->overview_height);
    plan->tiles = plan->grid_tiles() + 1;
  }
  plan->resized_width = plan->width * plan->tile_columns;
  plan->resized_height = plan->height * plan->tile_rows;
  return Status::ok();
}

namespace {

// By the area of a slice, where that tells its tokens.
double slice_area(const PictureRule& rule) {
  return static_cast<double>(rule.slice_side) * rule.slice_side / static_cast<double>(token_pixels(rule));
}

uint64_t slice_tokens(const PictureRule& rule) {
  return rule.slice_tokens != 0 ? rule.slice_tokens : static_cast<uint64_t>(std::max(1.0, std::rint(slice_area(rule))));
}

}  // namespace

uint64_t slices_tile_most(const PictureRule& rule) { return rounded_most(slice_area(rule), 0.5); }

uint64_t slices_most(const PictureRule& rule) { return uint64_t{rule.tiles_max} + (rule.tiles_max > 1); }

TokenRange slices_tokens(const PictureRule& rule, uint64_t) {
  return {slice_tokens(rule), slice_tokens(rule) * slices_most(rule)};
}

uint64_t slices_tokens_max(const PictureRule& rule, uint64_t) {
  return (rule.slice_tokens != 0 ? rule.slice_tokens : slices_tile_most(rule)) * slices_most(rule);
}

uint64_t slices_patches_max(const PictureRule& rule, uint64_t tokens) {
  if (rule.slice_tokens == 0) return whole_squares(rule, tokens);
  const uint64_t tiles = std::clamp<uint64_t>(tokens / rule.slice_tokens, 1, slices_most(rule));
  return whole_squares(rule, slices_tile_most(rule)) * tiles;
}

// Fewer slices; of one, a smaller one.
void slices_within(const TokenRange& wanted, uint64_t, PictureRule* rule) {
  const uint64_t tiles = wanted.most / slice_tokens(*rule);
  if (tiles < slices_most(*rule)) rule->tiles_max = tiles > 2 ? static_cast<uint32_t>(tiles - 1) : 1;
  if (tiles != 0 || rule->slice_tokens != 0) return;
  const double side = std::sqrt(static_cast<double>(std::max<uint64_t>(1, wanted.most))) * token_side(*rule);
  rule->slice_side = std::min(rule->slice_side, std::max(1u, static_cast<uint32_t>(side)));
}

}  // namespace mica
