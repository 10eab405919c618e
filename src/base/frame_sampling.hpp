// FrameSampling: which frames of a video are seen. Not their reading: io/video.hpp.
#pragma once

#include <cstdint>

namespace mica {

// Where so many frames of a video lie.
enum class FrameSpread : uint8_t {
  starts,   // at the start of each of as many equal stretches
  ends,     // evenly, the first and the last of the video among them
  seconds,  // at whole steps of time, rounded up to the next frame
  middles,  // in the middle of each of as many equal stretches
  within,   // evenly, with both ends; of long videos without the first and the last second
  whole_seconds,  // at whole steps of time, rounded down; of long videos evenly among its tenths of a second
};

// So many frames, or so many of each second of its time.
struct FrameSampling {
  uint32_t frames = 0;    // 0: by the rate
  double per_second = 0;  // 0: none; neither: all
  FrameSpread spread = FrameSpread::starts;
  uint32_t multiple = 1;  // of which the number is one; where there are not so many, the last frame is repeated
  uint32_t frames_min = 0, frames_max = 0;  // that the rate may come to; 0: any number
  double seconds_max = 0;  // of longer videos as many frames as of so many seconds; 0: any
  bool operator==(const FrameSampling&) const = default;
};

}  // namespace mica
