// C API: frames of cameras. Checks arguments and passes on.
#include "handles.hpp"
#include "mica_camera.h"
#include "yuv.hpp"

using namespace mica;

namespace {

constexpr uint32_t kLumaCellsMax = 1024;  // of a row, and of a column

Status frame_of(const mica_yuv& wanted, YuvFrame* frame) {
  const auto layout = static_cast<size_t>(wanted.layout), matrix = static_cast<size_t>(wanted.matrix);
  if (layout >= kYuvLayouts)
    return Status::error(Code::invalid_argument, "layout %zu; there are %zu (mica_yuv_layout)", layout, kYuvLayouts);
  if (matrix >= kYuvMatrices)
    return Status::error(Code::invalid_argument, "matrix %zu; there are %zu (mica_yuv_matrix)", matrix, kYuvMatrices);
  frame->layout = static_cast<YuvLayout>(layout);
  frame->matrix = static_cast<YuvMatrix>(matrix);
  frame->is_full_range = wanted.full_range != 0;
  frame->width = wanted.width;
  frame->height = wanted.height;
  for (size_t plane = 0; plane < kYuvPlanesMax; ++plane) {
    if (wanted.planes[plane] == nullptr) continue;  // no bytes: too few, where the layout has it
    frame->planes[plane] = {wanted.planes[plane], wanted.bytes[plane]};
    frame->strides[plane] = wanted.strides[plane];
  }
  return Status::ok();
}

}  // namespace

extern "C" {

mica_status mica_picture_from_yuv(const mica_yuv* frame, mica_picture** picture, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(frame);
    MICA_REQUIRE(picture);
    YuvFrame checked;
    MICA_TRY(frame_of(*frame, &checked));
    auto made = std::make_unique<mica_picture>();
    MICA_TRY(yuv_to_picture(checked, &made->picture));
    *picture = made.release();
    return Status::ok();
  });
}

mica_status mica_picture_luma(const mica_picture* picture, uint32_t columns, uint32_t rows, uint8_t* luma,
                              mica_error* error) {
  return guarded(error, [&]() -> Status {
    MICA_REQUIRE(picture);
    MICA_REQUIRE(luma);
    if (columns == 0 || rows == 0 || columns > kLumaCellsMax || rows > kLumaCellsMax)
      return Status::error(Code::invalid_argument, "%u x %u cells; each side has 1 to %u", columns, rows,
                           kLumaCellsMax);
    mean_luma(picture->picture, columns, rows, luma);
    return Status::ok();
  });
}

}  // extern "C"
