// Shot: pictures as they are, and videos in groups of frames with their times.
#include "shot.hpp"

#include <algorithm>

#include "any_size_cuts.hpp"
#include "video.hpp"

namespace mica {
namespace {

double seconds_of(std::span<const Picture* const> frames, size_t index) {
  const FrameTime& time = frames[index]->time;
  return time.seconds >= 0 ? time.seconds : static_cast<double>(index) / kUnknownPerSecond;
}

Status check_sizes(std::span<const Picture* const> frames) {
  for (size_t i = 1; i < frames.size(); ++i)
    if (frames[i]->width != frames[0]->width || frames[i]->height != frames[0]->height)
      return Status::error(Code::invalid_argument,
                           "frame %zu of a video is of %u x %u pixels, the first of %u x %u; this model takes videos "
                           "whose frames have one size",
                           i + 1, frames[i]->width, frames[i]->height, frames[0]->width, frames[0]->height);
  return Status::ok();
}

}  // namespace

Shot shot_of(const Picture& picture) {
  Shot shot;
  shot.frames[0] = &picture;
  shot.count = 1;
  return shot;
}

Status shots_of(const ModelSpec& spec, std::span<const Picture* const> frames, std::vector<Shot>* out) {
  if (frames.empty()) return Status::error(Code::invalid_argument, "a video without a frame");
  const size_t together = spec.vision.temporal;
  if (together > 1) MICA_TRY(check_sizes(frames));
  const bool has_rate = frames[0]->time.per_second > 0;
  const double rate = has_rate ? frames[0]->time.per_second : kUnknownPerSecond;
  const double length = has_rate ? static_cast<double>(frames.size()) / rate : seconds_of(frames, frames.size() - 1);
  out->clear();
  for (size_t first = 0; first < frames.size(); first += together) {
    const size_t last = std::min(first + together, frames.size()) - 1;
    Shot shot;
    shot.count = static_cast<uint32_t>(last + 1 - first);
    std::copy_n(frames.begin() + static_cast<ptrdiff_t>(first), shot.count, shot.frames);
    shot.shown = last + 1 == frames.size() ? Shown::last_frame : Shown::frame;
    shot.index = static_cast<uint32_t>(out->size());
    shot.video_frames = static_cast<uint32_t>(frames.size());
    shot.seconds = seconds_of(frames, first);
    shot.middle_seconds = (shot.seconds + seconds_of(frames, last)) / 2;
    shot.step_seconds = static_cast<double>(together) / rate;
    shot.video_seconds = length;
    out->push_back(shot);
  }
  return Status::ok();
}

PictureRule rule_of(const ModelSpec& spec, const Shot& shot) {
  return shot.shown == Shown::still ? spec.pictures : rule_of_video(spec.frames, shot.video_frames);
}

Status plan_shot(const ModelSpec& spec, const Shot& shot, PixelPlan* plan) {
  MICA_TRY(plan_pixels(rule_of(spec, shot), shot.first().width, shot.first().height, plan));
  plan->shown = shot.shown;
  return Status::ok();
}

}  // namespace mica
