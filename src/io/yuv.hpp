// Frames as cameras give them: luma and chroma in planes, to RGB. Not compressed frames: picture.hpp reads those.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "picture.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

enum class YuvLayout : uint8_t { nv12, i420, yuyv };
enum class YuvMatrix : uint8_t { bt601, bt709 };
inline constexpr size_t kYuvLayouts = 3;
inline constexpr size_t kYuvMatrices = 2;
inline constexpr size_t kYuvPlanesMax = 3;

struct YuvFrame {
  YuvLayout layout = YuvLayout::nv12;
  YuvMatrix matrix = YuvMatrix::bt601;
  bool is_full_range = false;  // luma 0 to 255 and not 16 to 235
  uint32_t width = 0, height = 0;
  std::array<Bytes, kYuvPlanesMax> planes = {};
  std::array<size_t, kYuvPlanesMax> strides = {};  // bytes from row to row; 0: the rows' own
};

// The pixels that libjpeg-turbo makes of a JPEG with these samples: its interpolation of chroma between the centres of
// two or four pixels (from three samples a row on), and its rounding of the sum of products in 1/65536. Bit for bit,
// where the samples are JPEG's (full range, BT.601); other ranges and matrices differ in the factors alone. Checks
// every plane against its rows before anything is read. Fails with invalid_argument, limit_exceeded or out_of_memory.
Status yuv_to_picture(const YuvFrame& frame, Picture* out);

// The mean luma (BT.601) of columns x rows cells of the picture, to see whether two pictures differ. Cells of a picture
// with fewer pixels overlap.
void mean_luma(const Picture& picture, uint32_t columns, uint32_t rows, uint8_t* out);

}  // namespace mica
