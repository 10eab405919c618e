// Shot: what passes through a tower at once: a picture, or frames of a video that follow each other, as many as a patch
// holds in time. Not its pixels (pixels.hpp), and not its place in a prompt (sequence.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "limits.hpp"
#include "model_spec.hpp"
#include "picture.hpp"
#include "pixels.hpp"
#include "status.hpp"

namespace mica {

struct Shot {
  const Picture* frames[limits::kFramesTogetherMax] = {};  // borrowed
  uint32_t count = 0;        // of them; 0: nothing is shown
  Shown shown = Shown::still;
  uint32_t index = 0;        // of its video's
  uint32_t video_frames = 1;
  double seconds = 0, middle_seconds = 0;  // when the first frame is seen, and between it and the last
  double step_seconds = 0;                 // from a shot to the next
  double video_seconds = 0;                // of its video

  std::span<const Picture* const> pictures() const { return {frames, count}; }
  const Picture& first() const { return *frames[0]; }
};

// What was shown so far: pictures by themselves, and videos, each from its first shot on.
struct ShownCount {
  uint32_t pictures = 0, videos = 0;
  void add(const Shot& shot) {
    if (shot.shown == Shown::still) ++pictures;
    else videos += shot.index == 0;
  }
};

Shot shot_of(const Picture& picture);
// Those of a video. Errors: invalid_argument when there is no frame, or frames of several sizes where a patch holds
// more than one.
Status shots_of(const ModelSpec& spec, std::span<const Picture* const> frames, std::vector<Shot>* out);

// The model's own, for a video of so many frames where that is what it is.
PictureRule rule_of(const ModelSpec& spec, const Shot& shot);
Status plan_shot(const ModelSpec& spec, const Shot& shot, PixelPlan* plan);

}  // namespace mica
