// Picture: a file's bytes to 8-bit RGB, and alpha where a file has it. Not preprocessing: sizes and normalisation that a
// model wants are made from it by resample.hpp and the engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "span.hpp"
#include "status.hpp"

namespace mica {

// When a frame of a video is seen, and how many of its frames are, of each second.
struct FrameTime {
  double seconds = -1;    // from the start; below 0: nobody knows
  double per_second = 0;  // 0: the same
};

// Rows of width * 3 bytes, R G B, top to bottom, no padding. Owns its pixels.
struct Picture {
  uint32_t width = 0;
  uint32_t height = 0;
  std::unique_ptr<uint8_t[]> rgb;    // as the file stores them, also where nobody sees them
  std::unique_ptr<uint8_t[]> alpha;  // rows of width bytes, 255 where opaque; null: every pixel is
  FrameTime time = {};
};

// What becomes of 16-bit gray: its high byte, as people see it, or what PIL makes of it (all above 255 is white).
enum class Gray16 : uint8_t { scaled, clipped };

// JPEG, PNG and (where built) WebP, told apart by content. The colours equal those that PIL gives for
// ImageOps.exif_transpose(Image.open(f)).convert("RGB"), those of 16-bit gray with Gray16::clipped. `name` is for
// messages. Bounds: limits.hpp, checked before any allocation that depends on them.
Status decode_picture(Bytes file, const char* name, Picture* out, Gray16 gray = Gray16::scaled);

// `count` pixels as they are seen on white, rounded as PIL's Image.alpha_composite rounds. `out` may be `rgb`.
void put_on_white(const uint8_t* rgb, const uint8_t* alpha, size_t count, uint8_t* out);

}  // namespace mica
