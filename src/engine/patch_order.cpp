// PatchOrder: from a row's index to its place and back.
#include "patch_order.hpp"

#include <algorithm>

#include "checked.hpp"

namespace mica {

PatchPlace PatchOrder::place(size_t index) const {
  const uint32_t height = window != 0 ? window : rows, width = window != 0 ? window : columns;
  const size_t band = index / (size_t{height} * columns);
  index -= band * height * columns;
  const uint32_t top = static_cast<uint32_t>(band) * height, band_height = std::min(height, rows - top);
  const size_t across = index / (size_t{band_height} * width);
  index -= across * band_height * width;
  const uint32_t left = static_cast<uint32_t>(across) * width, units_across = std::min(width, columns - left) / unit;
  const size_t square = size_t{unit} * unit, at = index / square, inside = index % square;
  return {top + static_cast<uint32_t>(at / units_across * unit + inside / unit),
          left + static_cast<uint32_t>(at % units_across * unit + inside % unit)};
}

size_t PatchOrder::windows() const {
  return window == 0 ? 1 : ceil_div(rows, window) * ceil_div(columns, window);
}

PatchRun PatchOrder::run(size_t window_index) const {
  if (window == 0) return {0, count()};
  const size_t windows_across = ceil_div(columns, window);
  const size_t top = window_index / windows_across * window, left = window_index % windows_across * window;
  const size_t height = std::min<size_t>(window, rows - top), width = std::min<size_t>(window, columns - left);
  return {top * columns + left * height, height * width};
}

size_t PatchOrder::index_of(const PatchPlace& place) const {
  const size_t at = size_t{place.row / unit} * (columns / unit) + place.column / unit;
  return (at * unit + place.row % unit) * unit + place.column % unit;
}

PatchOrder layer_order(const ModelSpec& spec, const PixelPlan& plan) {
  PatchOrder order = pixel_order(spec.pictures, plan);
  order.window = spec.vision.window;
  return order;
}

PatchOrder pixel_order(const PictureRule& rule, const PixelPlan& plan) {
  return {.rows = plan.grid_height,
          .columns = plan.grid_width,
          .unit = rule.layout == PictureLayout::patches ? rule.merge : 1,
          .window = 0};
}

}  // namespace mica
