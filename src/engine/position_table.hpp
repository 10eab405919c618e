// PositionTable: learned positions of a square grid, resampled to the grid of a picture and added to the rows of its
// patches. Not RoPE, and not tables that have a row for each row of a tile (Op::add).
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute.hpp"
#include "model_spec.hpp"
#include "patch_order.hpp"

namespace mica {

// rows[i] += the table at the place of the i-th patch. table: [side * side][width]. Sums are in float, row by row of
// the table, as the reference's are.
void add_positions(const Compute& compute, PositionRule rule, const float* table, uint32_t side, const PatchOrder& order,
                   float* rows, size_t width);

// A table of columns and one of rows, position_count entries each, or the two of a place behind each other: to each
// patch's row of values those of its column and of its row.
void add_axes(const Compute& compute, const float* table, const VisionSpec& vision, const PatchOrder& order,
              float* rows, size_t width);

}  // namespace mica
