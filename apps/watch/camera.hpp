// Camera: frames of a camera of Video4Linux (/dev/video0), by buffers that it shares with the driver. The system's
// calls are a table, so that tests stand in for a driver.
#pragma once

#include <sys/types.h>

#include "frame_source.hpp"

struct v4l2_buffer;

namespace app::watch {

struct CameraCalls {
  int (*open)(const char* path, int flags);
  int (*close)(int file);
  int (*control)(int file, unsigned long request, void* argument);
  void* (*map)(size_t bytes, int file, off_t offset);  // MAP_FAILED where it cannot
  int (*unmap)(void* memory, size_t bytes);
  int (*wait)(int file, int milliseconds);  // as poll() of POLLIN
};
extern const CameraCalls kSystemCalls;

struct CameraWish {
  std::string path;
  bool any_kind = true;  // else that of `form` alone
  FrameForm form;        // its size 0: the camera's
};

class Camera : public FrameSource {
 public:
  // Throws Failure.
  explicit Camera(const CameraWish& wish, const CameraCalls& calls = kSystemCalls);
  ~Camera() override;

  const FrameForm& form() const override { return form_; }
  void read(FrameSlot* slot, DamagedFrames* damaged, const std::function<bool()>& is_ending) override;

 private:
  struct Buffer {
    void* memory;
    size_t bytes;
  };

  // Calls the driver, again where a signal came in between.
  int control(unsigned long request, void* argument) const;
  [[noreturn]] void fail(const std::string& what) const;
  void check_abilities() const;
  uint32_t choose_kind(const CameraWish& wish) const;
  void set_form(const CameraWish& wish);
  void map_buffers();
  void unmap_buffers();
  bool take_buffer(v4l2_buffer* buffer) const;

  const std::string path_;
  const CameraCalls& calls_;
  FrameForm form_;
  int file_;
  std::vector<Buffer> buffers_;
};

}  // namespace app::watch
