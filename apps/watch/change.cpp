// Changes of a picture, see change.hpp.
#include "change.hpp"

#include <algorithm>
#include <cstdlib>

#include "mica_camera.h"

namespace app::watch {

bool ChangeDetector::differs(const mica_picture* picture) {
  constexpr uint32_t kColumns = 64, kRows = 48;  // a cell of 10 x 10 pixels of 640 x 480
  if (threshold_ < 0) return true;
  now_.resize(size_t{kColumns} * kRows);
  mica_error error{};
  require(mica_picture_luma(picture, kColumns, kRows, now_.data(), &error), error);
  int furthest = 0;
  for (size_t i = 0; i < before_.size(); ++i) furthest = std::max(furthest, std::abs(now_[i] - before_[i]));
  if (!before_.empty() && furthest <= threshold_) return false;
  before_ = now_;
  return true;
}

}  // namespace app::watch
