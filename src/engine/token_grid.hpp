// TokenGrid: how tokens of the tiles of a picture become one grid again: without those of the rows and columns that are
// only padding, made fewer where they are too many, and with a learned vector at the end of each row (pack_image_features
// of transformers' LLaVA-NeXT and LLaVA-OneVision). Not the tiles: vision.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model_spec.hpp"
#include "pixels.hpp"

namespace mica {

// What two neighbours give to one of `count` places that stand for `kept`; the second has no weight where there is
// none.
struct BilinearTaps {
  uint32_t first, second;
  float weight;  // of the second
};
// PyTorch's bilinear interpolation between the middles of places (align_corners false), in float.
BilinearTaps bilinear_taps(uint32_t kept, uint32_t count, uint32_t place);

class TokenGrid {
 public:
  // Of a plan whose tiles have tile_columns x tile_rows tokens each.
  TokenGrid(const ModelSpec& spec, const PixelPlan& plan, uint32_t tile_columns, uint32_t tile_rows);

  size_t tokens() const { return size_t{rows_.count} * (columns_.count + 1); }
  // Writes the vector to the ends of rows and zeros elsewhere, then adds tile after tile: `tile` counts row by row.
  void begin(const float* row_end, size_t width, float* rows) const;
  void add(uint32_t tile, const float* tile_rows, size_t width, float* rows) const;

 private:
  // One side of the grid.
  struct Axis {
    uint32_t tile = 0;     // tokens of a tile
    uint32_t first = 0;    // that is no padding
    uint32_t kept = 0;     // from it on
    uint32_t count = 0;    // that are left of these
  };
  void unpad(const PixelPlan& plan);
  void shrink(uint32_t tiles_kept);

  Axis columns_, rows_;
  uint32_t tiles_across_;
};

}  // namespace mica
