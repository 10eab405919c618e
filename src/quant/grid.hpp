// Grid: the codes that a weight format has, which of them is nearest to a value, and the scales that suit a row. Not
// the order in which columns are rounded: rounding.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lattice.hpp"
#include "weight_format.hpp"

namespace mica {

struct Grid {
  WeightFormat format;
  int low, high;         // the codes that there are, or their bounds where there is a table
  const int8_t* levels;  // null: all integers from low to high
  size_t count;          // of levels, or of pairs of them
  size_t group;          // columns that share a multiplier, 0: there are no multipliers
  size_t together;       // columns that are rounded together: 2 (matrix.hpp, pair_of), 8 next to each other, or 1
};
constexpr Grid grid_of(WeightFormat format) {
  const WeightFormatFacts& facts = facts_of(format);
  const size_t count = facts.pairs() ? facts.levels / 2 : facts.levels;
  return {format, facts.code_min, facts.code_max, levels_of(format), count, facts.group, facts.together()};
}

// Ties to even; adding 1.5 * 2^23 leaves no fraction, and compilers vectorise it.
inline float nearest_integer(float value, int low, int high) {
  constexpr float kNoFraction = 12582912.0f;
  const float least = static_cast<float>(low), greatest = static_cast<float>(high);
  const float inside = value < least ? least : value > greatest ? greatest : value;
  return (inside + kNoFraction) - kNoFraction;
}

// Looks up what is nearest.
class NearestCode {
 public:
  explicit NearestCode(const Grid& grid);

  // Of a single value; of pairs the first of a pair whose second one does not count; not of a lattice.
  float of(float value) const {
    if (grid_.levels == nullptr) return nearest_integer(value, grid_.low, grid_.high);
    const float place = (value + kReach) * 2;
    if (!(place > 0)) return levels_[0];
    return levels_[place < kPlaces - 1 ? static_cast<size_t>(place) : kPlaces - 1];
  }
  const Grid& grid() const { return grid_; }
  bool pairs() const { return grid_.together == 2; }
  bool lattice() const { return grid_.together == kLatticeColumns; }
  // The pair of least cost(first, second).
  template <class Cost>
  size_t best_pair(const Cost& cost) const {
    size_t best = 0;
    float least = cost(first(0), second(0));
    for (size_t i = 1; i < grid_.count; ++i) {
      const float here = cost(first(i), second(i));
      if (here < least) {
        least = here;
        best = i;
      }
    }
    return best;
  }
  float first(size_t pair) const { return static_cast<float>(grid_.levels[pair]); }
  float second(size_t pair) const { return static_cast<float>(grid_.levels[grid_.count + pair]); }

 private:
  // Levels are integers, so what is nearest changes at multiples of a half only.
  static constexpr int kReach = 24;
  static constexpr size_t kPlaces = 4 * kReach;

  Grid grid_;
  float levels_[kPlaces] = {};
};

// The scales of a row: of column k it is `scale`, times the multiplier of k's group where the grid has groups.
struct RowScale {
  float scale = 1.0f;
  std::vector<uint8_t> multipliers;  // [groups], 0 to kMultiplierMax
};

// Those of least squared error when each value goes to the nearest code.
RowScale best_scale(const float* row, size_t columns, const NearestCode& nearest);

// Rounds a row to the nearest codes of its scales.
void round_row(const float* row, size_t columns, const NearestCode& nearest, const RowScale& scale, int8_t* codes);

}  // namespace mica
