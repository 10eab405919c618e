// Grid: look-ups of the nearest code; scales by trials from the whole range downwards.
#include "grid.hpp"

#include <algorithm>
#include <cmath>

#include "matrix.hpp"

namespace mica {
namespace {

// Of rows and groups that are zero, in grids that have no 0: what is left of their codes is as good as nothing.
constexpr float kNoScale = 1e-30f;
// The scale of least squared error for pairs, in units of the row's root mean square, when values are of a normal
// distribution: from 0.22 to 0.25 nothing changes. What rounding finds best is tried around it.
constexpr float kPairScale = 0.235f;

double squared_error(const float* row, size_t columns, float scale, const NearestCode& nearest) {
  const float inverse = 1.0f / scale;
  float sums[8] = {};
  for (size_t i = 0; i < columns; ++i) {
    const float difference = row[i] - scale * nearest.of(row[i] * inverse);
    sums[i % 8] += difference * difference;
  }
  double sum = 0;
  for (const float part : sums) sum += part;
  return sum;
}

// Clipping pays with few codes: from the whole range down to half of it. Four uniform bits have one more code below
// zero than above, so the sign of the scale decides which tail gets it.
float least_error_scale(const float* row, size_t columns, const NearestCode& nearest) {
  const Grid& grid = nearest.grid();
  float low = 0, high = 0;
  for (size_t i = 0; i < columns; ++i) {
    low = std::min(low, row[i]);
    high = std::max(high, row[i]);
  }
  if (low == high) return grid.levels != nullptr ? kNoScale : 1.0f;
  const int steps = grid.levels != nullptr ? 14 : grid.high - grid.low < 16 ? 28 : 6;
  const float step_share = grid.levels != nullptr ? 0.045f : 0.018f;
  const auto below = static_cast<float>(-grid.low);
  const auto above = static_cast<float>(grid.high);
  float best = 1.0f;
  double least = INFINITY;
  for (const float sign : {1.0f, -1.0f}) {
    const float whole = sign > 0 ? std::max(-low / below, high / above) : std::max(high / below, -low / above);
    for (int step = 0; step < steps; ++step) {
      const float scale = sign * whole * (1.0f - step_share * static_cast<float>(step));
      const double error = squared_error(row, columns, scale, nearest);
      if (error < least) {
        least = error;
        best = scale;
      }
    }
    if (grid.low == -grid.high) break;
  }
  return best;
}

// `share`: of the row's root mean square.
float scale_of_normal(const float* row, size_t columns, float share) {
  double squares = 0;
  for (size_t i = 0; i < columns; ++i) squares += static_cast<double>(row[i]) * row[i];
  const double mean = squares / static_cast<double>(std::max<size_t>(1, columns));
  return mean > 0 ? share * static_cast<float>(std::sqrt(mean)) : kNoScale;
}

// Of the last vector only those columns count that there are.
void round_vectors(const float* row, size_t columns, float scale, int8_t* codes) {
  for (size_t begin = 0; begin < columns; begin += kLatticeColumns) {
    const size_t count = std::min(kLatticeColumns, columns - begin);
    float values[kLatticeColumns] = {}, nearest[kLatticeColumns];
    for (size_t i = 0; i < count; ++i) values[i] = row[begin + i] / scale;
    nearest_vector(values, nearest);
    for (size_t i = 0; i < count; ++i) codes[begin + i] = static_cast<int8_t>(nearest[i]);
  }
}

}  // namespace

NearestCode::NearestCode(const Grid& grid) : grid_(grid) {
  if (grid.levels == nullptr) return;
  for (size_t place = 0; place < kPlaces; ++place) {
    const float value = (static_cast<float>(place) + 0.5f) / 2 - kReach;
    for (size_t i = 0; i < grid.count; ++i) {
      const auto level = static_cast<float>(grid.levels[i]);
      if (i == 0 || std::fabs(level - value) < std::fabs(levels_[place] - value)) levels_[place] = level;
    }
  }
}

RowScale best_scale(const float* row, size_t columns, const NearestCode& nearest) {
  const Grid& grid = nearest.grid();
  if (nearest.pairs()) return {scale_of_normal(row, columns, kPairScale), {}};
  if (nearest.lattice()) return {scale_of_normal(row, columns, kLatticeScale), {}};
  if (grid.group == 0) return {least_error_scale(row, columns, nearest), {}};
  const size_t groups = group_count(grid.format, columns);
  std::vector<float> scales(groups);
  for (size_t g = 0; g < groups; ++g)
    scales[g] = least_error_scale(row + g * grid.group, std::min(grid.group, columns - g * grid.group), nearest);
  RowScale out{*std::max_element(scales.begin(), scales.end()) / kMultiplierMax, std::vector<uint8_t>(groups)};
  for (size_t g = 0; g < groups; ++g)
    out.multipliers[g] = scales[g] == kNoScale
                             ? 0
                             : static_cast<uint8_t>(std::clamp(std::lround(scales[g] / out.scale), 1L,
                                                               static_cast<long>(kMultiplierMax)));
  return out;
}

void round_row(const float* row, size_t columns, const NearestCode& nearest, const RowScale& scale, int8_t* codes) {
  const Grid& grid = nearest.grid();
  if (nearest.lattice()) return round_vectors(row, columns, scale.scale, codes);
  for (size_t i = 0; i < columns; ++i) {
    const float here = grid.group > 0 ? scale.scale * scale.multipliers[i / grid.group] : scale.scale;
    const float value = here != 0 ? row[i] / here : 0.0f;
    const size_t pair = nearest.pairs() ? pair_of(grid.format, i) : i;
    if (pair == i || pair >= columns) {
      codes[i] = static_cast<int8_t>(nearest.of(value));
    } else if (pair > i) {
      const float other = row[pair] / here;
      const size_t best = nearest.best_pair([&](float first, float second) {
        return (value - first) * (value - first) + (other - second) * (other - second);
      });
      codes[i] = static_cast<int8_t>(nearest.first(best));
      codes[pair] = static_cast<int8_t>(nearest.second(best));
    }
  }
}

}  // namespace mica
