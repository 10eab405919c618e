// Frames, see frame.hpp.
#include "frame.hpp"

#include <algorithm>

#include "words.hpp"

namespace app::watch {
namespace {

struct Plane {
  size_t stride, rows;
};

// One behind the other, as drivers and pipes give them.
std::vector<Plane> planes_of(const FrameForm& form) {
  const size_t width = form.width, rows = form.height, half = (width + 1) / 2, half_rows = (rows + 1) / 2;
  const size_t stride = form.stride != 0 ? form.stride : form.kind == FrameKind::kYuyv ? half * 4 : width;
  switch (form.kind) {
    case FrameKind::kNv12: return {{stride, rows}, {std::max(stride, half * 2), half_rows}};
    case FrameKind::kI420: return {{stride, rows}, {(stride + 1) / 2, half_rows}, {(stride + 1) / 2, half_rows}};
    case FrameKind::kYuyv: return {{stride, rows}};
    case FrameKind::kJpeg: break;
  }
  return {};
}

constexpr mica_yuv_layout kLayouts[] = {MICA_YUV_NV12, MICA_YUV_NV12, MICA_YUV_I420, MICA_YUV_YUYV};

mica_yuv describe_planes(const FrameForm& form, const Frame& frame) {
  mica_yuv yuv{};
  const bool by_size = form.colours == FrameColours::kBySize;
  const bool bt709 =
      by_size ? form.height >= 720 : form.colours == FrameColours::kBt709 || form.colours == FrameColours::kBt709Full;
  yuv.layout = kLayouts[static_cast<size_t>(form.kind)];
  yuv.matrix = bt709 ? MICA_YUV_BT709 : MICA_YUV_BT601;
  yuv.full_range = form.colours == FrameColours::kBt601Full || form.colours == FrameColours::kBt709Full;
  yuv.width = form.width;
  yuv.height = form.height;
  size_t at = 0, index = 0;
  for (const Plane& plane : planes_of(form)) {
    yuv.planes[index] = frame.bytes.data() + std::min(at, frame.bytes.size());
    yuv.bytes[index] = frame.bytes.size() - std::min(at, frame.bytes.size());
    yuv.strides[index++] = plane.stride;
    at += plane.stride * plane.rows;
  }
  return yuv;
}

}  // namespace

size_t FrameForm::frame_bytes() const {
  size_t bytes = 0;
  for (const Plane& plane : planes_of(*this)) bytes += plane.stride * plane.rows;
  return bytes;
}

std::string FrameForm::title() const {
  const std::string name = split(kFrameKinds, '|')[static_cast<size_t>(kind)];
  return width == 0 ? name : std::to_string(width) + " x " + std::to_string(height) + ' ' + name;
}

size_t place_of(const std::string& word, const char* words) {
  const std::vector<std::string> all = split(words, '|');
  return static_cast<size_t>(std::find(all.begin(), all.end(), word) - all.begin());
}

Picture decode_frame(const FrameForm& form, const Frame& frame) {
  if (form.kind == FrameKind::kJpeg)
    return open_handle<Picture>(mica_picture_decode, static_cast<const void*>(frame.bytes.data()), frame.bytes.size());
  const mica_yuv yuv = describe_planes(form, frame);
  return open_handle<Picture>(mica_picture_from_yuv, &yuv);
}

}  // namespace app::watch
