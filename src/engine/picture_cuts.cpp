// PictureCuts: the rows, with sizes rounded as transformers' image processors (in Python) round.
#include "picture_cuts.hpp"

#include <algorithm>
#include <cmath>

#include "any_size_cuts.hpp"
#include "checked.hpp"
#include "limits.hpp"
#include "slice_cuts.hpp"

namespace mica {
namespace {

Status check_text_only(const PictureRule&) {
  return Status::error(Code::invalid_argument, "this model reads text only, not pictures");
}

Status check_size(const PictureRule& rule) {
  if (is_rule_side(rule.width) && is_rule_side(rule.height)) return Status::ok();
  return Status::error(Code::limit_exceeded, "picture rule: size %u x %u; each side is at least 1, at most %u",
                       rule.width, rule.height, limits::kPictureRuleSideMax);
}

Status as_it_is(const PictureRule&, PixelPlan*) { return Status::ok(); }

uint64_t one(const PictureRule&) { return 1; }

TokenRange one_tile(const PictureRule&, uint64_t tile_tokens) { return {tile_tokens, tile_tokens}; }

uint64_t tile_tokens_of(const PictureRule&, uint64_t tile_tokens) { return tile_tokens; }
uint64_t no_tokens(const PictureRule&, uint64_t) { return 0; }

void leave(const TokenRange&, uint64_t, PictureRule*) {}

// ---- crop ----------------------------------------------------------------------------------------------------------

Status check_crop(const PictureRule& rule) {
  MICA_TRY(check_size(rule));
  if (rule.resize == PictureResize::shortest_edge && !is_rule_side(rule.shortest_edge))
    return Status::error(Code::limit_exceeded, "picture rule: shortest_edge %u; it is at least 1, at most %u",
                         rule.shortest_edge, limits::kPictureRuleSideMax);
  if (rule.resize == PictureResize::exact && !(is_rule_side(rule.resized_width) && is_rule_side(rule.resized_height)))
    return Status::error(Code::limit_exceeded, "picture rule: resized to %u x %u; each side is at least 1, at most %u",
                         rule.resized_width, rule.resized_height, limits::kPictureRuleSideMax);
  return Status::ok();
}

// transformers' get_resize_output_image_size and get_size_with_aspect_ratio: the longer side is truncated, not rounded.
Status plan_shortest_edge(const PictureRule& rule, PixelPlan* plan) {
  const double shorter = std::min(plan->padded_width, plan->padded_height);
  const double longer = std::max(plan->padded_width, plan->padded_height);
  double exact = rule.shortest_edge, edge = exact;
  if (rule.longest_edge != 0 && longer / shorter * edge > rule.longest_edge) {
    exact = rule.longest_edge * shorter / longer;
    edge = std::rint(exact);  // halves to even, as Python's round
  }
  const auto resized_shorter = static_cast<uint32_t>(edge);
  // A picture whose shorter side is right already stays as it is.
  const auto resized_longer = static_cast<uint32_t>(shorter == edge ? longer : exact * longer / shorter);
  if (resized_shorter == 0 || resized_longer == 0)
    return Status::error(Code::invalid_argument, "a picture of %u x %u pixels: nothing is left of its shorter side "
                         "where the longer one is at most %u; crop it",
                         plan->source_width, plan->source_height, rule.longest_edge);
  const bool upright = plan->padded_width <= plan->padded_height;
  plan->resized_width = upright ? resized_shorter : resized_longer;
  plan->resized_height = upright ? resized_longer : resized_shorter;
  return Status::ok();
}

Status plan_resize(const PictureRule& rule, PixelPlan* plan) {
  if (rule.resize == PictureResize::shortest_edge) return plan_shortest_edge(rule, plan);
  const bool exact = rule.resize == PictureResize::exact;
  plan->resized_width = exact ? rule.resized_width : plan->padded_width;
  plan->resized_height = exact ? rule.resized_height : plan->padded_height;
  return Status::ok();
}

// ---- tiles ---------------------------------------------------------------------------------------------------------

Status check_tiles(const PictureRule& rule) {
  MICA_TRY(check_size(rule));
  if (rule.tiles_max <= limits::kPictureTilesMax) return Status::ok();
  return Status::error(Code::limit_exceeded, "picture rule: tiles_max %u is more than %u", rule.tiles_max,
                       limits::kPictureTilesMax);
}

}  // namespace

// GotOcr2ImageProcessor.crop_image_to_patches: of the grids with tiles_min to tiles_max tiles the one whose aspect
// ratio is nearest; of equally near ones a larger, while the picture has more than half of the pixels of its tiles.
Status plan_tiles(const PictureRule& rule, PixelPlan* plan) {
  const double aspect_ratio = static_cast<double>(plan->padded_width) / plan->padded_height;
  const double area = static_cast<double>(plan->padded_width) * plan->padded_height;
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
  return Status::ok();
}

namespace {

uint64_t tiles_most(const PictureRule& rule) {
  return uint64_t{rule.tiles_max} + (rule.thumbnail && rule.tiles_max > 1);
}

TokenRange tiles_tokens(const PictureRule& rule, uint64_t tile_tokens) {
  const auto tokens = [&](uint32_t tiles) { return tile_tokens * (tiles + (rule.thumbnail && tiles > 1)); };
  return {tokens(rule.tiles_min), tokens(rule.tiles_max)};
}

uint64_t tiles_tokens_max(const PictureRule& rule, uint64_t tile_tokens) {
  return tiles_tokens(rule, tile_tokens).most;
}

void tiles_within(const TokenRange& wanted, uint64_t tile_tokens, PictureRule* rule) {
  const uint64_t tile = std::max<uint64_t>(1, tile_tokens);
  const auto without_thumbnail = [&](uint64_t tiles) { return tiles > 1 && rule->thumbnail ? tiles - 1 : tiles; };
  const uint64_t most = std::max<uint64_t>(1, without_thumbnail(wanted.most / tile));
  const uint64_t least = std::max<uint64_t>(rule->tiles_min, without_thumbnail(ceil_div(wanted.least, tile)));
  rule->tiles_min = static_cast<uint32_t>(std::min(least, uint64_t{rule->tiles_max}));
  rule->tiles_max = static_cast<uint32_t>(std::min<uint64_t>(rule->tiles_max, most));
  rule->tiles_min = std::min(rule->tiles_min, rule->tiles_max);
}

// ---- squares -------------------------------------------------------------------------------------------------------

constexpr uint32_t kLongestEdgeMax = 4096;  // of what is cut, whatever the rule says

// Tiles along the longer side.
uint32_t squares_side(const PictureRule& rule) {
  if (rule.tiles_max <= 1) return 1;
  const uint32_t longest = std::min(rule.longest_edge + rule.longest_edge % 2, kLongestEdgeMax);
  return std::max(1u, static_cast<uint32_t>(ceil_div(size_t{longest}, size_t{rule.width})));
}

uint32_t squares_tiles(uint32_t side) { return side * side + (side > 1); }

Status check_squares(const PictureRule& rule) {
  MICA_TRY(check_size(rule));
  if (rule.width != rule.height || !is_rule_side(rule.longest_edge))
    return Status::error(Code::invalid_argument, "picture rule: tiles of %u x %u, a longest edge of %u", rule.width,
                         rule.height, rule.longest_edge);
  if (squares_side(rule) <= limits::kPictureTilesMax && squares_tiles(squares_side(rule)) <= limits::kPictureTilesMax)
    return Status::ok();
  return Status::error(Code::limit_exceeded, "picture rule: %u pixels a side are more than %u tiles of %u x %u",
                       rule.longest_edge, limits::kPictureTilesMax, rule.width, rule.height);
}

// Idefics3ImageProcessor: resize, resize_for_vision_encoder and split_image. Every quotient is a double that is
// truncated, so that the order of the operations is theirs.
Status plan_squares(const PictureRule& rule, PixelPlan* plan) {
  const bool lies = plan->padded_width >= plan->padded_height;
  double longer = rule.longest_edge;
  const auto ratio = [](double width, double height) { return width / height; };
  const double aspect = ratio(plan->padded_width, plan->padded_height);
  double shorter = std::trunc(lies ? longer / aspect : longer * aspect);
  if (std::fmod(shorter, 2) != 0) ++shorter;
  shorter = std::max(shorter, 1.0);
  double width = lies ? longer : shorter, height = lies ? shorter : longer;
  if (std::max(width, height) > kLongestEdgeMax) {
    const double now = ratio(width, height);
    if (width >= height) {
      width = kLongestEdgeMax;
      height = std::max(1.0, std::trunc(width / now));
    } else {
      height = kLongestEdgeMax;
      width = std::max(1.0, std::trunc(height * now));
    }
  }
  plan->first_width = static_cast<uint32_t>(width);
  plan->first_height = static_cast<uint32_t>(height);
  if (rule.tiles_max <= 1) return Status::ok();
  const double tile = rule.width;
  const auto tiles = [&](double side) { return static_cast<uint32_t>(std::max(1.0, std::ceil(side / tile))); };
  const double now = ratio(width, height);
  if (width >= height) {
    plan->tile_columns = tiles(width);
    plan->tile_rows = tiles(std::trunc(plan->tile_columns * tile / now));
  } else {
    plan->tile_rows = tiles(height);
    plan->tile_columns = tiles(std::trunc(plan->tile_rows * tile * now));
  }
  plan->tiles = plan->tile_columns * plan->tile_rows;
  if (plan->tiles > 1) ++plan->tiles;
  plan->resized_width = rule.width * plan->tile_columns;
  plan->resized_height = rule.height * plan->tile_rows;
  return Status::ok();
}

uint64_t squares_most(const PictureRule& rule) { return squares_tiles(squares_side(rule)); }

TokenRange squares_tokens(const PictureRule& rule, uint64_t tile_tokens) {
  const uint64_t side = squares_side(rule);
  return {tile_tokens * (side + (side > 1)), tile_tokens * squares_tiles(static_cast<uint32_t>(side))};
}

uint64_t squares_tokens_max(const PictureRule& rule, uint64_t tile_tokens) {
  return squares_tokens(rule, tile_tokens).most;
}

// Pictures are always as large as the rule makes them: only the most is asked for.
void squares_within(const TokenRange& wanted, uint64_t tile_tokens, PictureRule* rule) {
  uint32_t side = squares_side(*rule);
  const uint64_t tile = std::max<uint64_t>(1, tile_tokens);
  if (squares_tiles(side) * tile <= wanted.most) return;
  while (side > 1 && squares_tiles(side) * tile > wanted.most) --side;
  rule->longest_edge = std::min(rule->longest_edge, rule->width * side);
}

// ---- grids ---------------------------------------------------------------------------------------------------------

uint64_t tiles_of(const PictureRule& rule, const GridList::Size& grid) {
  return uint64_t{grid.width / rule.width} * (grid.height / rule.height);
}

Status check_grids(const PictureRule& rule) {
  MICA_TRY(check_size(rule));
  if (rule.grids.count == 0)
    return Status::error(Code::invalid_argument, "picture rule: there is no grid that pictures could be cut into");
  for (uint32_t i = 0; i < rule.grids.count; ++i) {
    const GridList::Size& grid = rule.grids.sizes[i];
    if (grid.width == 0 || grid.height == 0 || grid.width % rule.width != 0 || grid.height % rule.height != 0)
      return Status::error(Code::invalid_argument,
                           "picture rule: a grid of %u x %u pixels is not whole tiles of %u x %u (size, or image_size)",
                           grid.width, grid.height, rule.width, rule.height);
    if (tiles_of(rule, grid) >= limits::kPictureTilesMax)
      return Status::error(Code::limit_exceeded, "picture rule: a grid of %u x %u pixels has more than %u tiles",
                           grid.width, grid.height, limits::kPictureTilesMax - 1);
  }
  return Status::ok();
}

// transformers' select_best_resolution: of the grids the one that keeps most of the picture's pixels; of equal ones the
// smaller, then the first.
const GridList::Size& best_grid(const PictureRule& rule, double width, double height) {
  const GridList::Size* best = &rule.grids.sizes[0];
  double kept_most = 0, wasted_least = INFINITY;
  for (uint32_t i = 0; i < rule.grids.count; ++i) {
    const GridList::Size& grid = rule.grids.sizes[i];
    const double scale = std::min(grid.width / width, grid.height / height);
    const double kept = std::min(std::trunc(width * scale) * std::trunc(height * scale), width * height);
    const double wasted = static_cast<double>(grid.width) * grid.height - kept;
    if (kept > kept_most || (kept == kept_most && wasted < wasted_least)) {
      kept_most = kept;
      wasted_least = wasted;
      best = &grid;
    }
  }
  return *best;
}

// LlavaNextImageProcessor: the picture as large as the grid holds it (get_patch_output_size).
Status plan_grids(const PictureRule& rule, PixelPlan* plan) {
  const double width = plan->padded_width, height = plan->padded_height;
  const GridList::Size& grid = best_grid(rule, width, height);
  plan->tile_columns = grid.width / rule.width;
  plan->tile_rows = grid.height / rule.height;
  plan->tiles = plan->tile_columns * plan->tile_rows + 1;
  const double scale_width = grid.width / width, scale_height = grid.height / height;
  plan->resized_width = grid.width;
  plan->resized_height = grid.height;
  if (scale_width < scale_height)
    plan->resized_height = static_cast<uint32_t>(std::min<double>(std::ceil(height * scale_width), grid.height));
  else
    plan->resized_width = static_cast<uint32_t>(std::min<double>(std::ceil(width * scale_height), grid.width));
  return Status::ok();
}

uint64_t grids_most(const PictureRule& rule) {
  uint64_t most = 0;
  for (uint32_t i = 0; i < rule.grids.count; ++i) most = std::max(most, tiles_of(rule, rule.grids.sizes[i]));
  return most + 1;
}

// What a picture takes that fills its grid: the thumbnail, the tiles, and one a row more. Where they are shrunk, they are
// fewer than those of grid_tiles_kept tiles times the square of what is not shrunk yet.
uint64_t grid_tokens(const PictureRule& rule, const GridList::Size& grid, uint64_t tile_tokens) {
  constexpr double kShrinksFrom = 1.1;
  const double side = std::sqrt(static_cast<double>(tile_tokens));
  double tiles = static_cast<double>(tiles_of(rule, grid));
  double rows = std::ceil(side) * (grid.height / rule.height);
  if (rule.grid_tiles_kept != 0) tiles = std::min(tiles, kShrinksFrom * kShrinksFrom * rule.grid_tiles_kept);
  return tile_tokens + static_cast<uint64_t>(std::ceil(tiles * static_cast<double>(tile_tokens)) + rows);
}

TokenRange grids_tokens(const PictureRule& rule, uint64_t tile_tokens) {
  TokenRange range = {UINT64_MAX, 0};
  for (uint32_t i = 0; i < rule.grids.count; ++i) {
    const uint64_t tokens = grid_tokens(rule, rule.grids.sizes[i], tile_tokens);
    range = {std::min(range.least, tokens), std::max(range.most, tokens)};
  }
  return range;
}

uint64_t grids_tokens_max(const PictureRule& rule, uint64_t tile_tokens) {
  return grids_tokens(rule, tile_tokens).most;
}

// Leaves out the grids that take more, but never the smallest.
void grids_within(const TokenRange& wanted, uint64_t tile_tokens, PictureRule* rule) {
  const uint64_t most = std::max(wanted.most, grids_tokens(*rule, tile_tokens).least);
  GridList kept;
  for (uint32_t i = 0; i < rule->grids.count; ++i)
    if (grid_tokens(*rule, rule->grids.sizes[i], tile_tokens) <= most)
      kept.sizes[kept.count++] = rule->grids.sizes[i];
  rule->grids = kept;
}

// ---- the rows ------------------------------------------------------------------------------------------------------

constexpr PictureCutRow kRows[] = {
    {.cut = PictureCut::none,
     .title = "none",
     .check = check_text_only,
     .plan = as_it_is,
     .tiles_max = one,
     .tokens = one_tile,
     .tokens_max = no_tokens,
     .keep_within = leave},
    {.cut = PictureCut::fixed,
     .title = "resized to a fixed size",
     .check = check_size,
     .plan = as_it_is,
     .tiles_max = one,
     .tokens = one_tile,
     .tokens_max = tile_tokens_of,
     .keep_within = leave},
    {.cut = PictureCut::crop,
     .title = "resized, centre cropped",
     .crops = true,
     .check = check_crop,
     .plan = plan_resize,
     .tiles_max = one,
     .tokens = one_tile,
     .tokens_max = tile_tokens_of,
     .keep_within = leave},
    {.cut = PictureCut::smart_resize,
     .title = "any size, sides rounded to whole patches",
     .any_size = true,
     .check = check_smart_resize,
     .plan = plan_smart_resize,
     .tiles_max = one,
     .tokens = smart_resize_tokens,
     .tokens_max = smart_resize_tokens_max,
     .keep_within = pixels_within},
    {.cut = PictureCut::bounded,
     .title = "any size up to a bound, sides rounded up to whole patches",
     .any_size = true,
     .check = check_bounded,
     .plan = plan_bounded,
     .tiles_max = one,
     .tokens = bounded_tokens,
     .tokens_max = bounded_tokens_max,
     .keep_within = pixels_within,
     .patches_max = bounded_patches_max},
    {.cut = PictureCut::budget,
     .title = "to a number of tokens, sides rounded down to whole ones",
     .any_size = true,
     .check = check_budget,
     .plan = plan_budget,
     .tiles_max = one,
     .tokens = budget_tokens,
     .tokens_max = budget_tokens_max,
     .keep_within = pixels_within},
    {.cut = PictureCut::tiles,
     .title = "cut into tiles, with a thumbnail",
     .tiled = true,
     .check = check_tiles,
     .plan = plan_tiles,
     .tiles_max = tiles_most,
     .tokens = tiles_tokens,
     .tokens_max = tiles_tokens_max,
     .keep_within = tiles_within},
    {.cut = PictureCut::squares,
     .title = "resized to whole tiles and cut, with a thumbnail",
     .tiled = true,
     .thumbnail_of_tiles = true,
     .check = check_squares,
     .plan = plan_squares,
     .tiles_max = squares_most,
     .tokens = squares_tokens,
     .tokens_max = squares_tokens_max,
     .keep_within = squares_within},
    {.cut = PictureCut::grids,
     .title = "fitted into one of several grids of tiles, behind a thumbnail",
     .tiled = true,
     .fills_up = true,
     .thumbnail_first = true,
     .check = check_grids,
     .plan = plan_grids,
     .tiles_max = grids_most,
     .tokens = grids_tokens,
     .tokens_max = grids_tokens_max,
     .keep_within = grids_within},
    {.cut = PictureCut::large_tiles,
     .title = "any size, large ones cut into tiles, with a thumbnail",
     .any_size = true,
     .tiled = true,
     .check = check_large_tiles,
     .plan = plan_large_tiles,
     .tiles_max = large_tiles_most,
     .tokens = large_tiles_tokens,
     .tokens_max = large_tiles_tokens_max,
     .keep_within = large_tiles_within,
     .tile_tokens_max = large_tiles_tile_most},
    {.cut = PictureCut::slices,
     .title = "large ones cut into slices of one size, behind a thumbnail",
     .any_size = true,
     .tiled = true,
     .thumbnail_first = true,
     .check = check_slices,
     .plan = plan_slices,
     .tiles_max = slices_most,
     .tokens = slices_tokens,
     .tokens_max = slices_tokens_max,
     .keep_within = slices_within,
     .patches_max = slices_patches_max,
     .tile_tokens_max = slices_tile_most,
     .bound = &PictureRule::slice_side},
};

}  // namespace

uint64_t whole_squares(const PictureRule& rule, uint64_t tokens) { return tokens * rule.merge * rule.merge; }

const PictureCutRow& row_of(PictureCut cut) {
  return *std::find_if(std::begin(kRows), std::end(kRows), [&](const PictureCutRow& row) { return row.cut == cut; });
}

}  // namespace mica
