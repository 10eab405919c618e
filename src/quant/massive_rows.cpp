// MassiveRows: the greatest rows by energy, and a greedy choice of channels. Not rotations: row_rotation.hpp.
#include "massive_rows.hpp"

#include <algorithm>
#include <cmath>

#include "matrix.hpp"

namespace mica {
namespace {

// A row is massive when its root mean square is this many times that of all but a hundredth of the rows. Ordinary rows
// stay below: their sizes differ by less than an octave there.
constexpr double kMassiveFrom = 2.0;
constexpr double kOrdinaryShare = 0.99;

double energy_of(const float* row, size_t width) {
  double sum = 0;
  for (size_t i = 0; i < width; ++i) sum += static_cast<double>(row[i]) * row[i];
  return sum;
}

}  // namespace

void MassiveRows::add(const float* rows, size_t count, size_t width) {
  for (size_t r = 0; r < count; ++r) {
    const float* row = rows + r * width;
    const double energy = energy_of(row, width);
    const auto size = static_cast<float>(std::sqrt(energy / static_cast<double>(width)));
    sizes_.add(&size, 1);
    Row* target = nullptr;
    if (rows_.size() < kRowsKept) {
      target = &rows_.emplace_back();
    } else {
      Row& least =
          *std::min_element(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.energy < b.energy; });
      if (energy <= least.energy) continue;
      target = &least;
    }
    target->energy = energy;
    target->values.assign(row, row + width);
    if (rotation_) rotation_->rotate_back(target->values.data());
  }
}

std::vector<uint32_t> MassiveRows::channels() const {
  std::vector<uint32_t> chosen;
  if (rows_.empty()) return chosen;
  std::vector<Row> rows = rows_;
  const double ordinary = sizes_.quantile(kOrdinaryShare);
  const double bound = kMassiveFrom * kMassiveFrom * ordinary * ordinary * static_cast<double>(rows[0].values.size());
  while (chosen.size() < kKeptChannelsMax) {
    const Row& largest =
        *std::max_element(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.energy < b.energy; });
    if (largest.energy <= bound) break;
    const auto peak = std::max_element(largest.values.begin(), largest.values.end(),
                                       [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    const auto channel = static_cast<uint32_t>(peak - largest.values.begin());
    if (*peak == 0.0f) break;
    chosen.push_back(channel);
    for (Row& row : rows) {
      row.values[channel] = 0.0f;
      row.energy = energy_of(row.values.data(), row.values.size());
    }
  }
  return chosen;
}

void clear_channels(const RowRotation* rotation, const std::vector<uint32_t>& channels, float* rows, size_t count,
                    size_t width) {
  for (size_t r = 0; r < count; ++r) {
    float* row = rows + r * width;
    if (rotation) rotation->rotate_back(row);
    for (const uint32_t channel : channels) row[channel] = 0.0f;
    if (rotation) rotation->rotate(row);
  }
}

}  // namespace mica
