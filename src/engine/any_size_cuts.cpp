// AnySizeCuts: how smart_resize and Pixtral's processor choose sizes, and what they leave of a budget of tokens.
#include "any_size_cuts.hpp"

#include <algorithm>
#include <cmath>

#include "checked.hpp"
#include "limits.hpp"

namespace mica {

// ---- smart_resize --------------------------------------------------------------------------------------------------

// Where smart_resize takes the frames' number to whole groups, halves go to even ones, as Python's round has it; a
// video of less than one group counts as one.
PictureRule rule_of_video(const PictureRule& frames, uint32_t count) {
  PictureRule rule = frames;
  if (!rule.of_video) return rule;
  rule.frames = std::max(count, rule.temporal);
  const double groups = std::rint(static_cast<double>(rule.frames) / rule.temporal);
  rule.frames_whole = static_cast<uint32_t>(groups) * rule.temporal;
  if (rule.frame_pixels_max == 0 || count == 0) return rule;
  const uint32_t share = std::min(rule.frame_pixels_max, rule.pixels_max / count);
  const uint64_t least = clamp_u32(rule.pixels_min * 1.05), most = std::max<uint64_t>(share, least) * count;
  rule.pixels_max = static_cast<uint32_t>(std::min<uint64_t>(most, limits::kPictureRulePixelsMax));
  return rule;
}

Status check_smart_resize(const PictureRule& rule) {
  if (rule.pixels_min != 0 && rule.pixels_max != 0) return Status::ok();
  return Status::error(Code::invalid_argument, "picture rule: pixels_min %u and pixels_max %u must not be zero",
                       rule.pixels_min, rule.pixels_max);
}

namespace {

// What smart_resize begins with where a side is below `factor`.
void enlarge_small_sides(SmallSides rule, double factor, double* width, double* height) {
  if (rule == SmallSides::truncated && std::min(*width, *height) < factor) {
    const double scale = std::max(factor / *height, factor / *width);
    *height = std::trunc(*height * scale);
    *width = std::trunc(*width * scale);
  }
  if (rule == SmallSides::rounded && *height < factor) {
    *width = std::rint(*width * factor / *height);
    *height = factor;
  }
  if (rule == SmallSides::rounded && *width < factor) {
    *height = std::rint(*height * factor / *width);
    *width = factor;
  }
}

}  // namespace

// Qwen2-VL's smart_resize: sides to multiples of patch * merge, the area into [pixels_min, pixels_max].
Status plan_smart_resize(const PictureRule& rule, PixelPlan* plan) {
  double width = plan->padded_width, height = plan->padded_height;
  const double factor = static_cast<double>(rule.patch) * rule.merge, frames = rule.frames;
  const double whole = rule.frames_whole != 0 ? rule.frames_whole : rule.frames;
  enlarge_small_sides(rule.small_sides, factor, &width, &height);
  if (std::max(width, height) / std::min(width, height) > kPictureAspectRatioMax)
    return Status::error(Code::invalid_argument,
                         "a picture of %u x %u pixels: the longer side is more than %g times the shorter; crop it",
                         plan->source_width, plan->source_height, kPictureAspectRatioMax);
  // std::rint rounds halves to even, as Python's round.
  double resized_height = std::rint(height / factor) * factor;
  double resized_width = std::rint(width / factor) * factor;
  if (whole * resized_height * resized_width > rule.pixels_max) {
    const double beta = std::sqrt(frames * height * width / rule.pixels_max);
    resized_height = std::max(factor, std::floor(height / beta / factor) * factor);
    resized_width = std::max(factor, std::floor(width / beta / factor) * factor);
  } else if (whole * resized_height * resized_width < rule.pixels_min) {
    const double beta = std::sqrt(rule.pixels_min / (frames * height * width));
    resized_height = std::ceil(height * beta / factor) * factor;
    resized_width = std::ceil(width * beta / factor) * factor;
  }
  // At most 200 times the square root of 2^32 pixels, rounded up to the factor: fits.
  plan->width = plan->resized_width = static_cast<uint32_t>(resized_width);
  plan->height = plan->resized_height = static_cast<uint32_t>(resized_height);
  return Status::ok();
}

namespace {

// As the rule counts them.
uint64_t token_pixels(const PictureRule& rule) {
  return uint64_t{rule.patch} * rule.merge * rule.patch * rule.merge * rule.frames;
}

}  // namespace

TokenRange smart_resize_tokens(const PictureRule& rule, uint64_t) {
  const uint64_t pixels = token_pixels(rule);
  return {std::max<uint64_t>(1, rule.pixels_min / pixels), std::max<uint64_t>(1, rule.pixels_max / pixels)};
}

// Sides are rounded one by one. Where they are rounded down, one of them may be below a window and is a whole one, so
// that a long picture takes as many windows as its length; where they are rounded up to reach the least area m (in
// windows), a and b with a b = m become (a + 1)(b + 1) at most. The aspect ratio is bounded.
uint64_t smart_resize_tokens_max(const PictureRule& rule, uint64_t) {
  const auto pixels = static_cast<double>(token_pixels(rule));
  const double most = rule.pixels_max / pixels, least = rule.pixels_min / pixels;
  const double long_picture = std::sqrt(kPictureAspectRatioMax * most);
  const double rounded_up =
      least + std::sqrt(least) * (std::sqrt(kPictureAspectRatioMax) + std::sqrt(1 / kPictureAspectRatioMax)) + 1;
  return static_cast<uint64_t>(std::max({1.0, most, long_picture, rounded_up}));
}

void pixels_within(const TokenRange& wanted, uint64_t, PictureRule* rule) {
  const uint64_t pixels = token_pixels(*rule);
  const uint64_t most = std::min<uint64_t>(wanted.most, UINT32_MAX) * pixels;
  const uint64_t least = std::max(uint64_t{rule->pixels_min}, wanted.least * pixels);
  rule->pixels_min = static_cast<uint32_t>(std::min<uint64_t>(least, rule->pixels_max));
  rule->pixels_max = static_cast<uint32_t>(std::min<uint64_t>(rule->pixels_max, most));
  rule->pixels_min = std::min(rule->pixels_min, rule->pixels_max);
}

// ---- bounded -------------------------------------------------------------------------------------------------------

Status check_bounded(const PictureRule& rule) {
  if (is_rule_side(rule.longest_edge) && is_rule_side(rule.whole) && rule.whole % rule.patch == 0 &&
      rule.pixels_max != 0)
    return Status::ok();
  return Status::error(Code::limit_exceeded,
                       "picture rule: longest_edge %u, sides to whole %u, patches of %u, pixels_max %u; sides are at "
                       "least 1, at most %u, and whole patches",
                       rule.longest_edge, rule.whole, rule.patch, rule.pixels_max, limits::kPictureRuleSideMax);
}

// PixtralImageProcessor, with a bound of pixels that is ours: a picture that has to be smaller stays as wide as it is
// high, and no smaller than a token.
Status plan_bounded(const PictureRule& rule, PixelPlan* plan) {
  double width = plan->padded_width, height = plan->padded_height;
  const double ratio = std::max(height / rule.longest_edge, width / rule.longest_edge);
  if (ratio > 1) {
    height = std::floor(height / ratio);
    width = std::floor(width / ratio);
  }
  if (height * width > rule.pixels_max) {
    const double beta = std::sqrt(height * width / rule.pixels_max), token = rule.patch * rule.merge;
    height = std::max(std::floor(height / beta), std::min(height, token));
    width = std::max(std::floor(width / beta), std::min(width, token));
  }
  plan->width = plan->resized_width = static_cast<uint32_t>(std::ceil(width / rule.whole)) * rule.whole;
  plan->height = plan->resized_height = static_cast<uint32_t>(std::ceil(height / rule.whole)) * rule.whole;
  if (std::min(plan->width, plan->height) >= rule.patch * rule.merge) return Status::ok();
  return Status::error(Code::invalid_argument,
                       "a picture of %u x %u pixels: nothing of its shorter side is left for the model to see; make it "
                       "larger, or crop it",
                       plan->source_width, plan->source_height);
}

namespace {

uint64_t bounded_side_tokens(const PictureRule& rule) {
  return ceil_div(rule.longest_edge, rule.whole) * rule.whole / (uint64_t{rule.patch} * rule.merge);
}

}  // namespace

uint64_t bounded_tokens_max(const PictureRule& rule, uint64_t) {
  return std::max<uint64_t>(1, bounded_side_tokens(rule) * bounded_side_tokens(rule));
}

TokenRange bounded_tokens(const PictureRule& rule, uint64_t tile_tokens) {
  return {1, std::max<uint64_t>(1, std::min(bounded_tokens_max(rule, tile_tokens), rule.pixels_max / token_pixels(rule)))};
}

// Where sides are whole patches and not whole tokens, up to merge - 1 patches at the end of each row and column are none.
uint64_t bounded_patches_max(const PictureRule& rule, uint64_t tokens) {
  if (rule.whole % (rule.patch * rule.merge) == 0) return whole_squares(rule, tokens);
  const uint64_t merge = rule.merge, rows_and_columns = std::min(tokens + 1, 2 * bounded_side_tokens(rule));
  return merge * merge * tokens + merge * (merge - 1) * rows_and_columns + (merge - 1) * (merge - 1);
}

// ---- budget --------------------------------------------------------------------------------------------------------

Status check_budget(const PictureRule& rule) {
  if (rule.pixels_max >= token_pixels(rule) && rule.pixels_max <= limits::kPictureRulePixelsMax) return Status::ok();
  return Status::error(Code::limit_exceeded, "picture rule: pixels_max %u; it is at least a token's, at most %.0f",
                       rule.pixels_max, static_cast<double>(limits::kPictureRulePixelsMax));
}

// get_aspect_ratio_preserving_size. Of a long picture one side would be none: that is one token, and the other as many
// as the aspect ratio is, as far as the budget goes.
Status plan_budget(const PictureRule& rule, PixelPlan* plan) {
  const double width = plan->padded_width, height = plan->padded_height;
  const double unit = static_cast<double>(rule.patch) * rule.merge;
  const double factor = std::sqrt(rule.pixels_max / (height * width));
  const double budget = static_cast<double>(rule.pixels_max / token_pixels(rule));
  double rows = std::floor(factor * height / unit), columns = std::floor(factor * width / unit);
  if (rows == 0) {
    rows = 1;
    columns = std::min(std::floor(width / height), budget);
  } else if (columns == 0) {
    columns = 1;
    rows = std::min(std::floor(height / width), budget);
  }
  plan->width = plan->resized_width = static_cast<uint32_t>(columns * unit);
  plan->height = plan->resized_height = static_cast<uint32_t>(rows * unit);
  const uint32_t side = std::max(plan->width, plan->height) / rule.patch;
  if (rule.grid_side_max == 0 || side <= rule.grid_side_max) return Status::ok();
  return Status::error(Code::invalid_argument,
                       "a picture of %u x %u pixels becomes %u patches long, and the vision tower has positions for %u:"
                       " crop it",
                       plan->source_width, plan->source_height, side, rule.grid_side_max);
}

uint64_t budget_tokens_max(const PictureRule& rule, uint64_t) { return rule.pixels_max / token_pixels(rule); }

TokenRange budget_tokens(const PictureRule& rule, uint64_t tile_tokens) {
  return {1, budget_tokens_max(rule, tile_tokens)};
}

}  // namespace mica
