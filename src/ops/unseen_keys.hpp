// UnseenKeys: the leading keys of a run that rows no longer see, since they lie before the rows' windows. Not what they
// do not see yet: that is a run's `allowed`.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace mica {

struct UnseenKeys {
  const uint32_t* counts = nullptr;  // [rows], counted over several runs behind each other; null: every row sees all
  size_t before = 0;                 // keys of these runs that stand before this one

  bool any() const { return counts != nullptr; }
  // Of keys [first, first + count) of the run, how many leading ones a row does not see.
  size_t within(size_t row, size_t first, size_t count) const {
    const size_t start = before + first;
    return counts == nullptr || counts[row] <= start ? 0 : std::min(counts[row] - start, count);
  }
};

// Scores that weigh nothing, of the keys that a row does not see; there must be others that it sees.
inline void mask_scores(float* scores, size_t count) {
  std::fill_n(scores, count, -std::numeric_limits<float>::infinity());
}

}  // namespace mica
