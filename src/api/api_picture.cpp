// C API: pictures. Thin: checks arguments and passes on.
#include <cstring>
#include <new>

#include "checked.hpp"
#include "handles.hpp"
#include "limits.hpp"
#include "folder_names.hpp"
#include "mapped_file.hpp"
#include "pixels.hpp"
#include "video.hpp"

using namespace mica;

namespace {

Status give(Picture picture, mica_picture** out) {
  *out = new mica_picture{std::move(picture)};
  return Status::ok();
}

Status plan_for(const mica_model* model, const Shot& shot, PixelPlan* plan) {
  MICA_TRY(check_sight(model->model->spec, shot.shown));
  return plan_shot(model->model->spec, shot, plan);
}

Status shots_for(const mica_model* model, const mica_picture* const* frames, size_t count, std::vector<Shot>* shots) {
  MICA_TRY(check_sight(model->model->spec, Shown::frame));
  std::vector<const Picture*> pictures;
  for (size_t i = 0; i < count; ++i) {
    MICA_REQUIRE(frames[i]);
    pictures.push_back(&frames[i]->picture);
  }
  return shots_of(model->model->spec, pictures, shots);
}

Status write_pixels(const mica_model* model, const Shot& shot, const PixelPlan& plan, float* values) {
  const PictureRule rule = rule_of(model->model->spec, shot);
  const size_t bytes = pixels_scratch_bytes(rule, plan, shot.first().width);
  std::unique_ptr<uint8_t[]> scratch(new (std::nothrow) uint8_t[bytes + Arena::kAlignment]);
  if (!scratch) return Status::error(Code::out_of_memory, "no memory for %zu bytes of scratch", bytes);
  uint8_t* aligned = scratch.get() + (round_up(reinterpret_cast<uintptr_t>(scratch.get()), Arena::kAlignment) -
                                      reinterpret_cast<uintptr_t>(scratch.get()));
  return make_pixels(rule, plan, shot.pictures(), values, aligned, bytes);
}

Status pixels_of(const mica_model* model, std::span<const Shot> shots, float* values, size_t capacity, size_t* count) {
  std::vector<PixelPlan> plans(shots.size());
  size_t whole = 0;
  for (size_t i = 0; i < shots.size(); ++i) {
    MICA_TRY(plan_for(model, shots[i], &plans[i]));
    whole += plans[i].values;
  }
  *count = whole;
  if (values == nullptr && capacity == 0) return Status::ok();
  MICA_REQUIRE(values);
  if (capacity < whole)
    return Status::error(Code::limit_exceeded, "the picture has %zu values, the buffer %zu", whole, capacity);
  for (size_t i = 0; i < shots.size(); values += plans[i].values, ++i)
    MICA_TRY(write_pixels(model, shots[i], plans[i], values));
  return Status::ok();
}

}  // namespace

extern "C" {

mica_status mica_picture_open(const char* path, mica_picture** picture, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(path);
    MICA_REQUIRE(picture);
    std::vector<uint8_t> file;
    Picture decoded;
    MICA_TRY(read_file(path, limits::kPictureFileBytesMax, &file));
    MICA_TRY(decode_picture(file, path, &decoded));
    return give(std::move(decoded), picture);
  });
}

mica_status mica_picture_decode(const void* bytes, size_t size, mica_picture** picture, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(bytes);
    MICA_REQUIRE(picture);
    Picture decoded;
    MICA_TRY(decode_picture({static_cast<const uint8_t*>(bytes), size}, "picture in memory", &decoded));
    return give(std::move(decoded), picture);
  });
}

mica_status mica_picture_from_rgb(const uint8_t* rgb, uint32_t width, uint32_t height, size_t stride_bytes,
                                  mica_picture** picture, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(rgb);
    MICA_REQUIRE(picture);
    const size_t row_bytes = size_t{width} * 3;
    const size_t stride = stride_bytes ? stride_bytes : row_bytes;
    if (width == 0 || height == 0 || width > limits::kPictureSideMax || height > limits::kPictureSideMax ||
        size_t{width} * height > limits::kPicturePixelsMax)
      return Status::error(Code::limit_exceeded,
                           "a picture of %u x %u pixels; sides must be 1 to %u and the area at most %zu", width, height,
                           limits::kPictureSideMax, limits::kPicturePixelsMax);
    if (stride < row_bytes)
      return Status::error(Code::invalid_argument, "stride_bytes is %zu; rows have %zu bytes", stride, row_bytes);
    Picture copy;
    copy.width = width;
    copy.height = height;
    copy.rgb.reset(new (std::nothrow) uint8_t[row_bytes * height]);
    if (!copy.rgb) return Status::error(Code::out_of_memory, "no memory for %zu bytes of pixels", row_bytes * height);
    for (size_t row = 0; row < height; ++row)
      std::memcpy(copy.rgb.get() + row * row_bytes, rgb + row * stride, row_bytes);
    return give(std::move(copy), picture);
  });
}

void mica_picture_free(mica_picture* picture) { delete picture; }
uint32_t mica_picture_width(const mica_picture* picture) { return picture ? picture->picture.width : 0; }
uint32_t mica_picture_height(const mica_picture* picture) { return picture ? picture->picture.height : 0; }

mica_status mica_picture_tokens(const mica_model* model, const mica_picture* picture, uint32_t* tokens,
                                mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(picture);
    MICA_REQUIRE(tokens);
    PixelPlan plan;
    MICA_TRY(plan_for(model, shot_of(picture->picture), &plan));
    *tokens = static_cast<uint32_t>(Vision::tokens_of(model->model->spec, plan));
    return Status::ok();
  });
}

mica_status mica_picture_pixels(const mica_model* model, const mica_picture* picture, float* values, size_t capacity,
                                size_t* count, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    MICA_REQUIRE(picture);
    MICA_REQUIRE(count);
    const Shot shot = shot_of(picture->picture);
    return pixels_of(model, {&shot, 1}, values, capacity, count);
  });
}

mica_status mica_video_tokens(const mica_model* model, const mica_picture* const* frames, size_t count,
                              uint32_t* tokens, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(model);
    if (count > 0) MICA_REQUIRE(frames);
    MICA_REQUIRE(tokens);
    size_t sum = 0;
    std::vector<Shot> shots;
    MICA_TRY(shots_for(model, frames, count, &shots));
    for (const Shot& shot : shots) {
      PixelPlan plan;
      MICA_TRY(plan_for(model, shot, &plan));
      sum += Vision::tokens_of(model->model->spec, plan);
    }
    *tokens = static_cast<uint32_t>(std::min<size_t>(sum, UINT32_MAX));
    return Status::ok();
  });
}

mica_status mica_video_pixels(const mica_model* model, const mica_picture* const* frames, size_t count, float* values,
                              size_t capacity, size_t* needed, mica_error* error) {
  return guarded(error, [&]() -> Status {
    MICA_REQUIRE(model);
    if (count > 0) MICA_REQUIRE(frames);
    MICA_REQUIRE(needed);
    std::vector<Shot> shots;
    MICA_TRY(shots_for(model, frames, count, &shots));
    return pixels_of(model, shots, values, capacity, needed);
  });
}

mica_status mica_frame_set_time(mica_picture* frame, double seconds, double per_second, mica_error* error) {
  return guarded(error, [&]() -> Status {
    MICA_REQUIRE(frame);
    if (!(seconds >= 0 && seconds <= limits::kVideoSecondsMax) || !(per_second > 0 && per_second <= 1e6))
      return Status::error(Code::invalid_argument,
                           "a frame at %g seconds, %g of each; times are 0 to %.0f seconds, and a second has more "
                           "than 0 frames",
                           seconds, per_second, limits::kVideoSecondsMax);
    frame->picture.time = {seconds, per_second};
    return Status::ok();
  });
}

mica_status mica_video_open(const char* path, const mica_model* model, const mica_frame_choice* choice,
                            mica_picture** frames, size_t capacity, size_t* count, mica_error* error) {
  return guarded(error, [&]() -> Status {
    MICA_REQUIRE(path);
    MICA_REQUIRE(count);
    if (capacity > 0) MICA_REQUIRE(frames);
    const bool is_chosen = choice != nullptr && (choice->frames != 0 || choice->per_second > 0);
    FrameSampling sampling;
    if (model != nullptr) sampling = model->model->spec.sampling;
    if (is_chosen) {
      sampling.frames = choice->frames;
      sampling.per_second = choice->per_second;
    } else if (is_folder(path) && sampling.frames == 0) {
      sampling.per_second = 0;  // its pictures have no time: all
    }
    std::vector<Picture> read;
    MICA_TRY(read_video(path, sampling, &read));
    *count = read.size();
    if (read.size() > capacity)
      return Status::error(Code::limit_exceeded, "%s: %zu frames do not fit an array of %zu", path, read.size(),
                           capacity);
    std::vector<std::unique_ptr<mica_picture>> made;
    made.reserve(read.size());
    for (Picture& picture : read) made.emplace_back(new mica_picture{std::move(picture)});
    for (size_t i = 0; i < made.size(); ++i) frames[i] = made[i].release();
    return Status::ok();
  });
}

}  // extern "C"
