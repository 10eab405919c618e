// Fuzz target: any bytes as a camera's frame, of the layout, size and strides that the first of them say. What is
// looked for are bounds: the planes are exactly what is left, in three parts that overlap nothing.
#include <cstdint>
#include <cstdlib>

#include "yuv.hpp"

using namespace mica;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHeadBytes = 9;
  if (size < kHeadBytes) return 0;
  YuvFrame frame;
  frame.layout = static_cast<YuvLayout>(data[0] % kYuvLayouts);
  frame.matrix = static_cast<YuvMatrix>(data[1] % kYuvMatrices);
  frame.is_full_range = data[1] >= 128;
  frame.width = data[2];
  frame.height = data[3];
  for (size_t plane = 0; plane < kYuvPlanesMax; ++plane) frame.strides[plane] = data[4 + plane];
  Bytes rest(data + kHeadBytes, size - kHeadBytes);
  for (size_t plane = 0; plane < kYuvPlanesMax; ++plane) {
    // Parts of the whole: where the second and third begin.
    const size_t bytes = plane + 1 == kYuvPlanesMax ? rest.size() : rest.size() * data[7 + plane] / 255;
    frame.planes[plane] = rest.first(bytes);
    rest = rest.subspan(bytes);
  }
  Picture picture;
  if (!yuv_to_picture(frame, &picture)) return 0;
  uint8_t luma[12];
  mean_luma(picture, 4, 3, luma);
  return 0;
}
