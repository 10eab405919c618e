// FramePipe: frames from a pipe, standard input or a file: JPEGs one behind the other, or raw frames of one size.
#pragma once

#include "frame_source.hpp"

namespace app::watch {

class FramePipe : public FrameSource {
 public:
  // "-" is standard input. Throws Failure.
  FramePipe(const std::string& path, const FrameForm& form);
  ~FramePipe() override;

  const FrameForm& form() const override { return form_; }
  void read(FrameSlot* slot, DamagedFrames* damaged, const std::function<bool()>& is_ending) override;

 private:
  // How many bytes came; 0 at the end, below 0 when it is time to stop.
  ptrdiff_t read_some(uint8_t* bytes, size_t count, const std::function<bool()>& is_ending);
  void read_jpegs(FrameSlot* slot, DamagedFrames* damaged, const std::function<bool()>& is_ending);
  void read_raw(FrameSlot* slot, DamagedFrames* damaged, const std::function<bool()>& is_ending);

  const std::string name_;
  const FrameForm form_;
  int file_;
};

}  // namespace app::watch
