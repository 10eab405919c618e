// MassiveRows: the few rows whose activations are huge in a few channels (arXiv 2402.17762), and which channels to keep
// out of an online rotation for them: rotated, one such value would fix the static scale of every token. Not the
// moments.
#pragma once

#include <cstdint>
#include <vector>

#include "row_rotation.hpp"
#include "row_ranges.hpp"

namespace mica {

class MassiveRows {
 public:
  // Rows are as they come out of the rotation `plan` (null: none).
  explicit MassiveRows(const RowRotation* rotation) : rotation_(rotation) {}
  void add(const float* rows, size_t count, size_t width);
  // The channels, before the rotation, without which no row is far above the others; at most kKeptChannelsMax.
  std::vector<uint32_t> channels() const;

 private:
  static constexpr size_t kRowsKept = 64;
  struct Row {
    double energy;
    std::vector<float> values;  // before the rotation
  };

  const RowRotation* rotation_;
  std::vector<Row> rows_;       // of the greatest energies seen, unordered
  RowRange sizes_;              // root mean squares of all rows
};

// The rows without those channels: rotated back, cleared, rotated again. `plan` may be null.
void clear_channels(const RowRotation* rotation, const std::vector<uint32_t>& channels, float* rows, size_t count,
                    size_t width);

}  // namespace mica
