// TokenGrid: sizes as Python computes them, and sums.
#include "token_grid.hpp"

#include <algorithm>
#include <cmath>

namespace mica {
namespace {

// Python's int(round(x, 7)) of what is not negative.
uint32_t truncated(double x) { return static_cast<uint32_t>(std::floor(x + 0.5e-7)); }

// Python's int(a // b) of positive numbers: the floor of the exact quotient.
uint32_t floor_quotient(double a, double b) { return static_cast<uint32_t>(std::lround((a - std::fmod(a, b)) / b)); }

}  // namespace

TokenGrid::TokenGrid(const ModelSpec& spec, const PixelPlan& plan, uint32_t tile_columns, uint32_t tile_rows)
    : tiles_across_(plan.tile_columns) {
  columns_.tile = tile_columns;
  rows_.tile = tile_rows;
  columns_.kept = tile_columns * plan.tile_columns;
  rows_.kept = tile_rows * plan.tile_rows;
  unpad(plan);
  columns_.count = columns_.kept;
  rows_.count = rows_.kept;
  if (spec.vision.grid_tiles_kept != 0) shrink(spec.vision.grid_tiles_kept);
}

// unpad_image: what is cut off is rounded down, the same at both ends.
void TokenGrid::unpad(const PixelPlan& plan) {
  const double width = plan.source_width, height = plan.source_height;
  const auto cut = [](double size, Axis* axis) {
    axis->first = (axis->kept - std::min(truncated(size), axis->kept)) / 2;
    axis->kept -= 2 * axis->first;
  };
  if (width / height > static_cast<double>(columns_.kept) / rows_.kept)
    cut(height * (columns_.kept / width), &rows_);
  else
    cut(width * (rows_.kept / height), &columns_);
}

void TokenGrid::shrink(uint32_t tiles_kept) {
  constexpr double kFrom = 1.1;
  const double most = static_cast<double>(tiles_kept) * rows_.tile * rows_.tile;
  const double ratio = std::sqrt(static_cast<double>(rows_.kept) * columns_.kept / most);
  if (!(ratio > kFrom)) return;
  rows_.count = floor_quotient(rows_.kept, ratio);
  columns_.count = floor_quotient(columns_.kept, ratio);
}

BilinearTaps bilinear_taps(uint32_t kept, uint32_t count, uint32_t place) {
  if (count == kept) return {place, place, 0};
  const float scale = static_cast<float>(kept) / static_cast<float>(count);
  const float source = std::max(0.0f, scale * (static_cast<float>(place) + 0.5f) - 0.5f);
  const auto first = std::min(static_cast<uint32_t>(source), kept - 1);
  return {first, std::min(first + 1, kept - 1), std::clamp(source - static_cast<float>(first), 0.0f, 1.0f)};
}

void TokenGrid::begin(const float* row_end, size_t width, float* rows) const {
  for (size_t row = 0; row < rows_.count; ++row) {
    float* target = rows + row * (columns_.count + 1) * width;
    std::fill_n(target, columns_.count * width, 0.0f);
    std::copy_n(row_end, width, target + columns_.count * width);
  }
}

void TokenGrid::add(uint32_t tile, const float* tile_rows, size_t width, float* rows) const {
  // Where a token of the whole grid stands in this tile; false where it does not.
  const auto inside = [](const Axis& axis, uint32_t tile_first, uint32_t token, uint32_t* at) {
    *at = axis.first + token - tile_first;
    return axis.first + token >= tile_first && *at < axis.tile;
  };
  const uint32_t top = tile / tiles_across_ * rows_.tile, left = tile % tiles_across_ * columns_.tile;
  for (uint32_t row = 0; row < rows_.count; ++row) {
    const BilinearTaps y = bilinear_taps(rows_.kept, rows_.count, row);
    for (uint32_t column = 0; column < columns_.count; ++column) {
      const BilinearTaps x = bilinear_taps(columns_.kept, columns_.count, column);
      float* target = rows + (size_t{row} * (columns_.count + 1) + column) * width;
      for (int corner = 0; corner < 4; ++corner) {
        const bool below = corner >= 2, right = corner % 2 != 0;
        const float weight = (below ? y.weight : 1 - y.weight) * (right ? x.weight : 1 - x.weight);
        uint32_t tile_y = 0, tile_x = 0;
        if (weight == 0 || !inside(rows_, top, below ? y.second : y.first, &tile_y) ||
            !inside(columns_, left, right ? x.second : x.first, &tile_x))
          continue;
        const float* source = tile_rows + (size_t{tile_y} * columns_.tile + tile_x) * width;
        for (size_t i = 0; i < width; ++i) target[i] += weight * source[i];
      }
    }
  }
}

}  // namespace mica
