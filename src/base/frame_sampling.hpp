// FrameSampling: which frames of a video are seen. Not their reading: io/video.hpp.
#pragma once

#include <cstdint>

namespace mica {

// So many frames, evenly spread, or so many of each second of its time.
struct FrameSampling {
  uint32_t frames = 0;   // 0: by the rate
  double per_second = 0;  // 0: none; neither: all
  bool operator==(const FrameSampling&) const = default;
};

}  // namespace mica
