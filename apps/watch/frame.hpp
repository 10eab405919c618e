// A frame of a camera as it came, what its bytes are, and the way to a picture. Not where frames come from:
// frame_source.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "handles.hpp"
#include "mica_camera.h"

namespace app::watch {

struct Frame {
  std::vector<uint8_t> bytes;
  uint64_t number = 0;  // of all that came, damaged ones too, from 1
  std::chrono::system_clock::time_point time;
};

enum class FrameKind : uint8_t { kJpeg, kNv12, kI420, kYuyv };
inline constexpr const char* kFrameKinds = "mjpeg|nv12|i420|yuyv";  // in their order

enum class FrameColours : uint8_t { kBySize, kBt601, kBt709, kBt601Full, kBt709Full };
inline constexpr const char* kFrameColours = "auto|601|709|601-full|709-full";  // likewise

struct FrameForm {
  FrameKind kind = FrameKind::kJpeg;
  FrameColours colours = FrameColours::kBySize;  // so, BT.709 from 720 lines on, as cameras and videos have it
  uint32_t width = 0, height = 0;                // 0 of JPEG: each frame says it
  size_t stride = 0;                             // of luma, bytes from row to row; 0: rows follow each other

  // Of a frame that is not JPEG.
  size_t frame_bytes() const;
  std::string title() const;  // "640 x 480 nv12"
};

// The place of the word among those that '|' separates.
size_t place_of(const std::string& word, const char* words);

// Throws Failure.
Picture decode_frame(const FrameForm& form, const Frame& frame);

}  // namespace app::watch
