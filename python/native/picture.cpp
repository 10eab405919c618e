// Pictures and the frames of videos for Python, from files, bytes and pixels; floats by the buffer protocol.
#include "native.hpp"

namespace mica_python {
namespace {

constexpr size_t kFramesMax = 256;  // mica_video.h's

Picture open_picture(const std::string& path) {
  return unlocked([&] { return Picture{open_handle<app::Picture>(mica_picture_open, path.c_str())}; });
}

// The buffer cannot change its place while it is held.
Picture decode_picture(const py::buffer& file) {
  const py::buffer_info bytes = file.request();
  if (bytes.ndim != 1 || bytes.itemsize != 1 || bytes.strides[0] != 1)
    throw py::type_error("the bytes of a picture's file are one row of bytes");
  return unlocked([&] {
    return Picture{open_handle<app::Picture>(mica_picture_decode, static_cast<const void*>(bytes.ptr),
                                             static_cast<size_t>(bytes.size))};
  });
}

Picture picture_from_rgb(const py::buffer& pixels) {
  const py::buffer_info rows = pixels.request();
  if (rows.ndim != 3 || rows.itemsize != 1 || rows.shape[2] != 3 || rows.strides[2] != 1 || rows.strides[1] != 3 ||
      rows.strides[0] < 0)
    throw py::type_error("pixels are bytes of the shape (height, width, 3), each row without gaps");
  if (rows.shape[0] > UINT32_MAX || rows.shape[1] > UINT32_MAX) throw py::value_error("a picture of too many pixels");
  return unlocked([&] {
    return Picture{open_handle<app::Picture>(mica_picture_from_rgb, static_cast<const uint8_t*>(rows.ptr),
                                             static_cast<uint32_t>(rows.shape[1]), static_cast<uint32_t>(rows.shape[0]),
                                             static_cast<size_t>(rows.strides[0]))};
  });
}

// A frame whose planes follow each other; `stride`: bytes from row to row of the first, of the others in proportion.
Picture picture_from_yuv(const py::buffer& pixels, uint32_t width, uint32_t height, int layout, int matrix,
                         bool full_range, size_t stride) {
  const py::buffer_info whole = pixels.request();
  if (whole.itemsize != 1 || !PyBuffer_IsContiguous(whole.view(), 'C'))
    throw py::type_error("a frame is bytes without gaps; rows may end in some that are not seen (stride)");
  const size_t pairs = (size_t{width} + 1) / 2, chroma_rows = (size_t{height} + 1) / 2;
  const size_t luma = stride != 0 ? stride : layout == MICA_YUV_YUYV ? 4 * pairs : width;
  const size_t chroma = layout == MICA_YUV_I420 ? (stride != 0 ? (stride + 1) / 2 : pairs)
                        : stride != 0           ? stride
                                                : 2 * pairs;
  const size_t planes = layout == MICA_YUV_I420 ? 3 : layout == MICA_YUV_NV12 ? 2 : 1;
  mica_yuv frame = {};
  frame.layout = static_cast<mica_yuv_layout>(layout);
  frame.matrix = static_cast<mica_yuv_matrix>(matrix);
  frame.full_range = full_range;
  frame.width = width;
  frame.height = height;
  auto left = static_cast<size_t>(whole.size);
  const auto* at = static_cast<const uint8_t*>(whole.ptr);
  for (size_t i = 0; i < planes; ++i) {
    frame.strides[i] = i == 0 ? luma : chroma;
    frame.planes[i] = at;
    frame.bytes[i] = i + 1 == planes ? left : std::min(left, frame.strides[i] * (i == 0 ? height : chroma_rows));
    at += frame.bytes[i];
    left -= frame.bytes[i];
  }
  return unlocked(
      [&] { return Picture{open_handle<app::Picture>(mica_picture_from_yuv, static_cast<const mica_yuv*>(&frame))}; });
}

py::bytes luma(const Picture& picture, uint32_t columns, uint32_t rows) {
  std::string cells(size_t{columns} * rows <= (1 << 20) ? size_t{columns} * rows : 0, '\0');
  mica_error error{};
  require(mica_picture_luma(picture.handle.get(), columns, rows, reinterpret_cast<uint8_t*>(cells.data()), &error),
          error);
  return cells;
}

std::vector<Picture> read_video(const std::string& path, const Model* model, uint32_t frames, double per_second) {
  const mica_frame_choice choice = {frames, per_second};
  return unlocked([&] {
    std::vector<mica_picture*> read(kFramesMax);
    size_t count = 0;
    mica_error error{};
    require(mica_video_open(path.c_str(), model != nullptr ? model->handle.get() : nullptr, &choice, read.data(),
                            read.size(), &count, &error),
            error);
    std::vector<Picture> owned;
    owned.reserve(count);
    for (size_t i = 0; i < count; ++i) owned.push_back({app::Picture(read[i])});
    return owned;
  });
}

void set_time(const Picture& frame, double seconds, double per_second) {
  mica_error error{};
  require(mica_frame_set_time(frame.handle.get(), seconds, per_second, &error), error);
}

py::buffer_info buffer_of(const Floats& floats) {
  std::vector<py::ssize_t> strides(floats.shape.size(), sizeof(float));
  for (size_t i = floats.shape.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * floats.shape[i];
  return {const_cast<float*>(floats.values),
          sizeof(float),
          py::format_descriptor<float>::format(),
          static_cast<py::ssize_t>(floats.shape.size()),
          floats.shape,
          strides,
          true};
}

}  // namespace

void bind_picture(py::module_& module) {
  py::class_<Floats>(module, "Floats", py::buffer_protocol()).def_buffer(&buffer_of);
  py::class_<Picture>(module, "Picture")
      .def_static("open", open_picture)
      .def_static("decode", decode_picture)
      .def_static("from_rgb", picture_from_rgb)
      .def_static("from_yuv", picture_from_yuv)
      .def("luma", luma)
      .def("set_time", set_time)
      .def_property_readonly("width", [](const Picture& picture) { return mica_picture_width(picture.handle.get()); })
      .def_property_readonly("height",
                             [](const Picture& picture) { return mica_picture_height(picture.handle.get()); });
  module.def("read_video", [](const std::string& path, const Model* model, uint32_t frames, double per_second) {
    py::list list;
    for (Picture& frame : read_video(path, model, frames, per_second)) list.append(std::move(frame));
    return list;
  });
}

}  // namespace mica_python
