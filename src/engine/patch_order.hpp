// PatchOrder: where on the grid of a picture the rows of its patches stand. Not what is computed there: vision.cpp,
// position_table.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model_spec.hpp"
#include "pixels.hpp"

namespace mica {

struct PatchPlace {
  uint32_t row, column;
};

struct PatchRun {
  size_t first, count;
};

// Rows of squares of unit x unit patches, each of which is row by row. Units stand row by row themselves, or so within
// windows of window x window patches, which then do; windows at the right and lower ends may be smaller.
struct PatchOrder {
  uint32_t rows = 0, columns = 0;  // of the grid; multiples of `unit`
  uint32_t unit = 1;
  uint32_t window = 0;  // a multiple of `unit`; 0: one window is all

  size_t count() const { return size_t{rows} * columns; }
  PatchPlace place(size_t index) const;
  size_t windows() const;
  // The rows of a window.
  PatchRun run(size_t window_index) const;
  // Where the patch at a place stands if there is one window.
  size_t index_of(const PatchPlace& place) const;
};

// Of patches as pixel values have them.
PatchOrder pixel_order(const PictureRule& rule, const PixelPlan& plan);
// Of the rows that pass through a tower's layers.
PatchOrder layer_order(const ModelSpec& spec, const PixelPlan& plan);

}  // namespace mica
