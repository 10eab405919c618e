// ChangeDetector: whether a picture differs from the one before that was asked about, in the mean luma of cells, so
// that noise of single pixels is none and a lamp is enough.
#pragma once

#include <cstdint>
#include <vector>

#include "handles.hpp"

namespace app::watch {

class ChangeDetector {
 public:
  // `threshold`: of 255; below 0 everything differs.
  explicit ChangeDetector(double threshold) : threshold_(threshold) {}

  // True for the first picture, and for one of which some cell differs by more; that one is then what is compared with.
  // Throws Failure.
  bool differs(const mica_picture* picture);

 private:
  const double threshold_;
  std::vector<uint8_t> before_, now_;
};

}  // namespace app::watch
