// FrameSource: where frames come from. A pipe or file: frame_pipe.hpp; a camera: camera.hpp.
#pragma once

#include <functional>

#include "damaged_frames.hpp"
#include "frame_slot.hpp"

namespace app::watch {

class FrameSource {
 public:
  FrameSource() = default;
  virtual ~FrameSource() = default;
  FrameSource(const FrameSource&) = delete;
  FrameSource& operator=(const FrameSource&) = delete;

  virtual const FrameForm& form() const = 0;
  // Puts frames into the slot until there are no more or the slot wants none. Throws Failure.
  virtual void read(FrameSlot* slot, DamagedFrames* damaged, const std::function<bool()>& is_ending) = 0;
};

}  // namespace app::watch
