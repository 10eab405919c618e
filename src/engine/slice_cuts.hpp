// SliceCuts: what the rows of picture cuts (picture_cuts.hpp) are made of where only large pictures are cut, and the
// whole picture has a size of its own. Not cuts into tiles of the tower's size.
#pragma once

#include <cstdint>

#include "picture_cuts.hpp"

namespace mica {

// Lfm2VlImageProcessor: tiles of width x height where a picture has more than cut_from_pixels, else as smart_resize.
Status check_large_tiles(const PictureRule& rule);
Status plan_large_tiles(const PictureRule& rule, PixelPlan* plan);
uint64_t large_tiles_tile_most(const PictureRule& rule);
uint64_t large_tiles_most(const PictureRule& rule);
TokenRange large_tiles_tokens(const PictureRule& rule, uint64_t tile_tokens);
uint64_t large_tiles_tokens_max(const PictureRule& rule, uint64_t tile_tokens);
void large_tiles_within(const TokenRange& wanted, uint64_t tile_tokens, PictureRule* rule);

// MiniCPM-V's: slices of about slice_side x slice_side pixels, all of one size.
Status check_slices(const PictureRule& rule);
Status plan_slices(const PictureRule& rule, PixelPlan* plan);
uint64_t slices_tile_most(const PictureRule& rule);
uint64_t slices_most(const PictureRule& rule);
TokenRange slices_tokens(const PictureRule& rule, uint64_t tile_tokens);
uint64_t slices_tokens_max(const PictureRule& rule, uint64_t tile_tokens);
uint64_t slices_patches_max(const PictureRule& rule, uint64_t tokens);
void slices_within(const TokenRange& wanted, uint64_t tile_tokens, PictureRule* rule);

}  // namespace mica
