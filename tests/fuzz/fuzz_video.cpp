// Fuzz target: any bytes as a video file. The corpus holds small files of several containers, whole and cut; damage is
// the fuzzer's part.
#include <cstdint>
#include <cstdlib>

#include "limits.hpp"
#include "video.hpp"

using namespace mica;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t kFrames = 4;
  std::vector<Picture> frames;
  if (!decode_video(Bytes(data, size), "fuzz", {.frames = kFrames}, &frames)) return 0;
  if (frames.empty() || frames.size() > kFrames) std::abort();
  for (const Picture& frame : frames)
    if (frame.rgb == nullptr || size_t{frame.width} * frame.height > limits::kPicturePixelsMax) std::abort();
  return 0;
}
