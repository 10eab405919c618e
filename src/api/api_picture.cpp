// C API: pictures. Thin: checks arguments and passes on.
#include <cstring>
#include <new>

#include "checked.hpp"
#include "handles.hpp"
#include "limits.hpp"
#include "mapped_file.hpp"
#include "pixels.hpp"

using namespace mica;

namespace {

mica_status give(Status status, Picture* picture, mica_picture** out, mica_error* error) {
  if (status) {
    *out = new (std::nothrow) mica_picture{std::move(*picture)};
    if (*out == nullptr) status = Status::error(Code::out_of_memory, "no memory for a picture");
  }
  return report(status, error);
}

Status plan_for(const mica_model* model, const mica_picture* picture, PixelPlan* plan) {
  const ModelSpec& spec = model->model->spec;
  if (!spec.has_vision) return Status::error(Code::unsupported, "this model (%s) reads text only", spec.family->name);
  return plan_pixels(spec.pictures, picture->picture.width, picture->picture.height, plan);
}

}  // namespace

extern "C" {

mica_status mica_picture_open(const char* path, mica_picture** picture, mica_error* error) {
  MICA_REQUIRE(path);
  MICA_REQUIRE(picture);
  std::vector<uint8_t> file;
  Picture decoded;
  Status status = read_file(path, limits::kPictureFileBytesMax, &file);
  if (status) status = decode_picture(file, path, &decoded);
  return give(status, &decoded, picture, error);
}

mica_status mica_picture_decode(const void* bytes, size_t size, mica_picture** picture, mica_error* error) {
  MICA_REQUIRE(bytes);
  MICA_REQUIRE(picture);
  Picture decoded;
  const Status status = decode_picture({static_cast<const uint8_t*>(bytes), size}, "picture in memory", &decoded);
  return give(status, &decoded, picture, error);
}

mica_status mica_picture_from_rgb(const uint8_t* rgb, uint32_t width, uint32_t height, size_t stride_bytes,
                                  mica_picture** picture, mica_error* error) {
  MICA_REQUIRE(rgb);
  MICA_REQUIRE(picture);
  const size_t row_bytes = size_t{width} * 3;
  const size_t stride = stride_bytes ? stride_bytes : row_bytes;
  if (width == 0 || height == 0 || width > limits::kPictureSideMax || height > limits::kPictureSideMax ||
      size_t{width} * height > limits::kPicturePixelsMax)
    return report(Status::error(Code::limit_exceeded,
                                "a picture of %u x %u pixels; sides must be 1 to %u and the area at most %zu", width,
                                height, limits::kPictureSideMax, limits::kPicturePixelsMax),
                  error);
  if (stride < row_bytes)
    return report(Status::error(Code::invalid_argument, "stride_bytes is %zu; rows have %zu bytes", stride, row_bytes),
                  error);
  Picture copy{width, height, std::unique_ptr<uint8_t[]>(new (std::nothrow) uint8_t[row_bytes * height])};
  if (!copy.rgb)
    return report(Status::error(Code::out_of_memory, "no memory for %zu bytes of pixels", row_bytes * height), error);
  for (size_t row = 0; row < height; ++row)
    std::memcpy(copy.rgb.get() + row * row_bytes, rgb + row * stride, row_bytes);
  return give(Status::ok(), &copy, picture, error);
}

void mica_picture_free(mica_picture* picture) { delete picture; }
uint32_t mica_picture_width(const mica_picture* picture) { return picture->picture.width; }
uint32_t mica_picture_height(const mica_picture* picture) { return picture->picture.height; }

mica_status mica_picture_tokens(const mica_model* model, const mica_picture* picture, uint32_t* tokens,
                                mica_error* error) {
  MICA_REQUIRE(model);
  MICA_REQUIRE(picture);
  MICA_REQUIRE(tokens);
  PixelPlan plan;
  const Status status = plan_for(model, picture, &plan);
  if (status) *tokens = static_cast<uint32_t>(Vision::tokens_of(model->model->spec, plan));
  return report(status, error);
}

mica_status mica_picture_pixels(const mica_model* model, const mica_picture* picture, float* values, size_t capacity,
                                size_t* count, mica_error* error) {
  MICA_REQUIRE(model);
  MICA_REQUIRE(picture);
  MICA_REQUIRE(count);
  PixelPlan plan;
  if (const Status status = plan_for(model, picture, &plan); !status) return report(status, error);
  *count = plan.values;
  if (values == nullptr && capacity == 0) return MICA_OK;
  MICA_REQUIRE(values);
  if (capacity < plan.values)
    return report(
        Status::error(Code::limit_exceeded, "the picture has %zu values, the buffer %zu", plan.values, capacity),
        error);
  const PictureRule& rule = model->model->spec.pictures;
  const size_t bytes = pixels_scratch_bytes(rule, plan, picture->picture.width);
  std::unique_ptr<uint8_t[]> scratch(new (std::nothrow) uint8_t[bytes + Arena::kAlignment]);
  if (!scratch) return report(Status::error(Code::out_of_memory, "no memory for %zu bytes of scratch", bytes), error);
  uint8_t* aligned = scratch.get() + (round_up(reinterpret_cast<uintptr_t>(scratch.get()), Arena::kAlignment) -
                                      reinterpret_cast<uintptr_t>(scratch.get()));
  return report(make_pixels(rule, plan, picture->picture, values, aligned, bytes), error);
}

}  // extern "C"
