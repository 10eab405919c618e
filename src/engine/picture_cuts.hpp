// PictureCuts: what differs by the cut of a picture rule: sizes, tiles, how many tokens they make. One row each. Not the
// pixels: pixels.cpp.
#pragma once

#include <cstdint>

#include "picture_rule.hpp"
#include "pixels.hpp"
#include "status.hpp"

namespace mica {

struct TokenRange {
  uint64_t least, most;
};

// merge x merge patches a token.
uint64_t whole_squares(const PictureRule& rule, uint64_t tokens);

// The grid of tiles whose aspect ratio is nearest (GotOcr2ImageProcessor).
Status plan_tiles(const PictureRule& rule, PixelPlan* plan);

// `tile_tokens` are those of one tile of the tower's size.
struct PictureCutRow {
  PictureCut cut;
  const char* title;      // for people
  bool any_size = false;  // the tower takes what the plan gives; otherwise tiles of its own size
  bool tiled = false;     // into a grid, beside which there may be a thumbnail of the whole
  bool crops = false;     // to the middle of what is resized
  bool fills_up = false;  // what is resized stands in the middle of its tiles, which are black around it
  bool thumbnail_first = false;     // before the tiles, else behind them
  bool thumbnail_of_tiles = false;  // it is made of what was resized for the tiles, not of the picture
  // Whether the members that the cut reads are in their bounds.
  Status (*check)(const PictureRule& rule);
  // Sizes and tiles, where they are not the rule's width and height.
  Status (*plan)(const PictureRule& rule, PixelPlan* plan);
  // How many tiles there may be at most, the thumbnail with them.
  uint64_t (*tiles_max)(const PictureRule& rule);
  // What pictures of usual shapes take.
  TokenRange (*tokens)(const PictureRule& rule, uint64_t tile_tokens);
  // What no picture exceeds.
  uint64_t (*tokens_max)(const PictureRule& rule, uint64_t tile_tokens);
  // Narrows the rule so that pictures take about so many tokens, as far as it can.
  void (*keep_within)(const TokenRange& wanted, uint64_t tile_tokens, PictureRule* rule);
  // Of a picture of so many tokens, in towers that take what the plan gives.
  uint64_t (*patches_max)(const PictureRule& rule, uint64_t tokens) = whole_squares;
  // Of one tile or thumbnail, where those of a whole picture are more; null: they are not.
  uint64_t (*tile_tokens_max)(const PictureRule& rule) = nullptr;
  // What makes pictures smaller that keep_within left too large.
  uint32_t PictureRule::*bound = &PictureRule::pixels_max;
};
const PictureCutRow& row_of(PictureCut cut);

}  // namespace mica
