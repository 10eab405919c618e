// ReferenceRows: copies of rows. Not the loop that shows them: calibration_rows.hpp.
#include "reference_rows.hpp"

namespace mica {
namespace {

constexpr size_t kBytesMax = size_t{3} << 30;

// Rows at all points.
bool fits(const LayerRows& rows, const LayerWeights& layer) {
  size_t count = 0;
  for (size_t item = 0; item < rows.items(); ++item) count += rows.rows(item);
  size_t widths = 0;
  for (const SiteInfo& at : sites_of_layers()) widths += layer.reader(at.site).columns;
  return count * widths * sizeof(float) <= kBytesMax;
}

}  // namespace

bool ReferenceRows::Item::observe(const QuantPoint& point, const float* values, size_t stride, size_t count,
                                  size_t visual, size_t width) {
  if (rows.empty() || rows.back().point.index != point.index) rows.push_back({point, 0, 0, width, {}});
  Rows& kept = rows.back();
  for (size_t r = 0; r < count; ++r)
    kept.values.insert(kept.values.end(), values + r * stride, values + r * stride + width);
  kept.count += count;
  kept.visual += visual;
  return true;
}

void ReferenceRows::record(LayerRows& rows, Compute compute, const LayerWeights& layer, size_t index) {
  if (!fits(rows, layer)) return;
  items_.resize(rows.items());
  for (size_t item = 0; item < rows.items(); ++item) {
    compute.observer = &items_[item];
    rows.run(compute, layer, index, item, Stream::reference, true);
  }
}

void ReferenceRows::replay(size_t item, const QuantPoint& point, RowObserver* observer) const {
  for (const Rows& rows : items_[item].rows)
    if (rows.point.index == point.index)
      static_cast<void>(observer->observe(point, rows.values.data(), rows.width, rows.count, rows.visual, rows.width));
}

}  // namespace mica
