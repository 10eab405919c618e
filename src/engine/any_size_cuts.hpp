// AnySizeCuts: what the rows of picture cuts (picture_cuts.hpp) are made of where towers take pictures of any size. Not
// cuts into tiles.
#pragma once

#include <cstdint>

#include "limits.hpp"
#include "picture_cuts.hpp"

namespace mica {

inline bool is_rule_side(uint32_t value) { return value >= 1 && value <= limits::kPictureRuleSideMax; }

// Of the frames of one video, where their number decides.
PictureRule rule_of_video(const PictureRule& frames, uint32_t count);

Status check_smart_resize(const PictureRule& rule);
Status plan_smart_resize(const PictureRule& rule, PixelPlan* plan);
TokenRange smart_resize_tokens(const PictureRule& rule, uint64_t tile_tokens);
uint64_t smart_resize_tokens_max(const PictureRule& rule, uint64_t tile_tokens);

Status check_bounded(const PictureRule& rule);
Status plan_bounded(const PictureRule& rule, PixelPlan* plan);
TokenRange bounded_tokens(const PictureRule& rule, uint64_t tile_tokens);
uint64_t bounded_tokens_max(const PictureRule& rule, uint64_t tile_tokens);
uint64_t bounded_patches_max(const PictureRule& rule, uint64_t tokens);

// Of both: by the number of pixels.
void pixels_within(const TokenRange& wanted, uint64_t tile_tokens, PictureRule* rule);

// Gemma4ImageProcessor.
Status check_budget(const PictureRule& rule);
Status plan_budget(const PictureRule& rule, PixelPlan* plan);
TokenRange budget_tokens(const PictureRule& rule, uint64_t tile_tokens);
uint64_t budget_tokens_max(const PictureRule& rule, uint64_t tile_tokens);

}  // namespace mica
