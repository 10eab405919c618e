// Frames of cameras: those of JPEG's range and matrix against libjpeg-turbo, which is given the same samples; the
// others against the formula in floating point. Not of what is no frame at all: tests/fuzz sees any bytes.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>

#include <jpeglib.h>

#include "limits.hpp"
#include "picture_test.hpp"
#include "yuv.hpp"

using namespace mica;

namespace {

struct Plane {
  size_t width = 0, height = 0;
  std::vector<uint8_t> samples;

  uint8_t at(size_t x, size_t y) const { return samples[y * width + x]; }
};

struct Jpeg {
  std::vector<uint8_t> file;
  Plane planes[3];  // what is stored, as libjpeg decodes it before it interpolates
};

std::vector<uint8_t> encode(const Picture& picture, int across, int down) {
  jpeg_compress_struct encoder{};
  jpeg_error_mgr errors{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  jpeg_mem_dest(&encoder, &bytes, &size);
  encoder.image_width = picture.width;
  encoder.image_height = picture.height;
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, 95, TRUE);
  encoder.comp_info[0].h_samp_factor = across;
  encoder.comp_info[0].v_samp_factor = down;
  jpeg_start_compress(&encoder, TRUE);
  for (uint32_t y = 0; y < picture.height; ++y) {
    JSAMPROW row = picture.rgb.get() + size_t{y} * picture.width * 3;
    jpeg_write_scanlines(&encoder, &row, 1);
  }
  jpeg_finish_compress(&encoder);
  std::vector<uint8_t> file(bytes, bytes + size);
  jpeg_destroy_compress(&encoder);
  std::free(bytes);
  return file;
}

Jpeg make_jpeg(uint32_t width, uint32_t height, int across, int down) {
  Jpeg jpeg{encode(synthetic_picture(width, height), across, down), {}};
  jpeg_decompress_struct decoder{};
  jpeg_error_mgr errors{};
  decoder.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&decoder);
  jpeg_mem_src(&decoder, jpeg.file.data(), jpeg.file.size());
  jpeg_read_header(&decoder, TRUE);
  decoder.raw_data_out = TRUE;
  jpeg_start_decompress(&decoder);
  std::vector<uint8_t> padded[3];
  std::vector<JSAMPROW> rows[3];
  JSAMPARRAY arrays[3];
  for (int i = 0; i < 3; ++i) {
    jpeg.planes[i].width = decoder.comp_info[i].downsampled_width;
    jpeg.planes[i].height = decoder.comp_info[i].downsampled_height;
    padded[i].resize(size_t{decoder.comp_info[i].width_in_blocks + 2} * 8 * 16);
  }
  while (decoder.output_scanline < height) {
    for (int i = 0; i < 3; ++i) {
      rows[i].clear();
      for (size_t row = 0; row < 16; ++row) rows[i].push_back(padded[i].data() + row * (padded[i].size() / 16));
      arrays[i] = rows[i].data();
    }
    jpeg_read_raw_data(&decoder, arrays, static_cast<JDIMENSION>(8 * down));
    for (int i = 0; i < 3; ++i) {
      Plane& plane = jpeg.planes[i];
      for (int row = 0; row < 8 * (i == 0 ? down : 1) && plane.samples.size() < plane.width * plane.height; ++row)
        plane.samples.insert(plane.samples.end(), rows[i][static_cast<size_t>(row)],
                             rows[i][static_cast<size_t>(row)] + plane.width);
    }
  }
  jpeg_finish_decompress(&decoder);
  jpeg_destroy_decompress(&decoder);
  return jpeg;
}

// A frame with its bytes: exactly as many as it needs, so that AddressSanitizer sees the first one behind them.
struct Frame {
  YuvFrame view;
  std::unique_ptr<uint8_t[]> bytes[3];

  void plane(size_t index, size_t stride, size_t rows, size_t row_bytes) {
    const size_t size = stride * (rows - 1) + row_bytes;
    bytes[index].reset(new uint8_t[size]());
    view.planes[index] = {bytes[index].get(), size};
    view.strides[index] = stride;
  }
};

// `padding`: bytes behind each row.
Frame frame_of(const Plane planes[3], YuvLayout layout, size_t padding) {
  Frame frame;
  const size_t width = planes[0].width, height = planes[0].height, half = (width + 1) / 2, rows = (height + 1) / 2;
  frame.view.layout = layout;
  frame.view.is_full_range = true;
  frame.view.width = static_cast<uint32_t>(width);
  frame.view.height = static_cast<uint32_t>(height);
  const size_t row = layout == YuvLayout::yuyv ? half * 4 : width;
  const size_t luma_step = layout == YuvLayout::yuyv ? 2 : 1;
  frame.plane(0, row + padding, height, row);
  for (size_t y = 0; y < height; ++y)
    for (size_t x = 0; x < width; ++x) frame.bytes[0][y * (row + padding) + x * luma_step] = planes[0].at(x, y);
  if (layout == YuvLayout::nv12) frame.plane(1, half * 2 + padding, rows, half * 2);
  if (layout == YuvLayout::i420)
    for (const size_t index : {1, 2}) frame.plane(index, half + padding, rows, half);
  for (const size_t kind : {1, 2})
    for (size_t y = 0; y < planes[kind].height; ++y)
      for (size_t x = 0; x < half; ++x) {
        const uint8_t sample = planes[kind].at(x, y);
        if (layout == YuvLayout::nv12) frame.bytes[1][y * (half * 2 + padding) + x * 2 + kind - 1] = sample;
        if (layout == YuvLayout::i420) frame.bytes[kind][y * (half + padding) + x] = sample;
        if (layout == YuvLayout::yuyv) frame.bytes[0][y * (row + padding) + x * 4 + kind * 2 - 1] = sample;
      }
  return frame;
}

std::vector<uint8_t> rgb_of(const Picture& picture) {
  return {picture.rgb.get(), picture.rgb.get() + size_t{picture.width} * picture.height * 3};
}

Code code_of(const YuvFrame& frame) {
  Picture picture;
  return yuv_to_picture(frame, &picture).code();
}

// One colour, everywhere.
std::vector<uint8_t> colour_of(YuvMatrix matrix, bool is_full_range, uint8_t y, uint8_t u, uint8_t v) {
  const uint8_t bytes[4] = {y, u, y, v};
  YuvFrame frame{YuvLayout::yuyv, matrix, is_full_range, 2, 1, {Bytes(bytes, 4)}, {}};
  Picture picture;
  REQUIRE(yuv_to_picture(frame, &picture));
  return rgb_of(picture);
}

}  // namespace

TEST_CASE("a frame has the pixels of a JPEG with its samples") {
  for (uint32_t width = 1; width <= 37; width += width < 9 ? 1 : 7) {
    for (uint32_t height = 1; height <= 36; height += height < 5 ? 1 : 11) {
      for (const YuvLayout layout : {YuvLayout::nv12, YuvLayout::i420, YuvLayout::yuyv}) {
        const int down = layout == YuvLayout::yuyv ? 1 : 2;
        CAPTURE(width);
        CAPTURE(height);
        CAPTURE(static_cast<int>(layout));
        const Jpeg jpeg = make_jpeg(width, height, 2, down);
        Picture expected, picture;
        REQUIRE(decode_picture(jpeg.file, "jpeg", &expected));
        for (const size_t padding : {0, 5}) {
          const Frame frame = frame_of(jpeg.planes, layout, padding);
          REQUIRE(yuv_to_picture(frame.view, &picture));
          CHECK(rgb_of(picture) == rgb_of(expected));
        }
      }
    }
  }
}

TEST_CASE("other ranges and matrices are the formula, rounded") {
  struct Kind {
    YuvMatrix matrix;
    double kr, kb;
  };
  for (const Kind& kind : {Kind{YuvMatrix::bt601, 0.299, 0.114}, Kind{YuvMatrix::bt709, 0.2126, 0.0722}}) {
    for (const bool is_full_range : {false, true}) {
      const double luma_scale = is_full_range ? 1 : 255.0 / 219, chroma_scale = is_full_range ? 1 : 255.0 / 224;
      double furthest = 0;
      for (int y = 0; y < 256; y += 5) {
        for (int u = 0; u < 256; u += 15) {
          for (int v = 0; v < 256; v += 17) {
            const double light = (y - (is_full_range ? 0 : 16)) * luma_scale;
            const double cb = (u - 128) * chroma_scale, cr = (v - 128) * chroma_scale, kg = 1 - kind.kr - kind.kb;
            const double red = light + 2 * (1 - kind.kr) * cr, blue = light + 2 * (1 - kind.kb) * cb;
            const double green = light - 2 * (1 - kind.kb) * kind.kb / kg * cb - 2 * (1 - kind.kr) * kind.kr / kg * cr;
            const std::vector<uint8_t> rgb = colour_of(kind.matrix, is_full_range, static_cast<uint8_t>(y),
                                                       static_cast<uint8_t>(u), static_cast<uint8_t>(v));
            size_t channel = 0;
            for (const double exact : {red, green, blue})
              furthest = std::max(furthest, std::abs(rgb[channel++] - std::clamp(exact, 0.0, 255.0)));
          }
        }
      }
      // A half by rounding; and the factors' five digits, 0.000005 of 128.
      CHECK(furthest <= 0.502);
    }
  }
  CHECK(colour_of(YuvMatrix::bt709, false, 235, 128, 128) == std::vector<uint8_t>{255, 255, 255, 255, 255, 255});
  CHECK(colour_of(YuvMatrix::bt601, false, 16, 128, 128) == std::vector<uint8_t>{0, 0, 0, 0, 0, 0});
  CHECK(colour_of(YuvMatrix::bt709, false, 63, 102, 240) == std::vector<uint8_t>{255, 1, 0, 255, 1, 0});
}

TEST_CASE("a frame that is not whole is refused before it is read") {
  const Jpeg jpeg = make_jpeg(9, 7, 2, 2);
  for (const YuvLayout layout : {YuvLayout::nv12, YuvLayout::i420}) {
    Frame frame = frame_of(jpeg.planes, layout, 3);
    CHECK(code_of(frame.view) == Code::ok);
    for (size_t plane = 0; plane < (layout == YuvLayout::nv12 ? 2 : 3); ++plane) {
      CAPTURE(plane);
      YuvFrame cut = frame.view;
      cut.planes[plane] = cut.planes[plane].first(cut.planes[plane].size() - 1);
      CHECK(code_of(cut) == Code::invalid_argument);
      cut.planes[plane] = {};
      CHECK(code_of(cut) == Code::invalid_argument);
      cut = frame.view;
      cut.strides[plane] = 3;
      CHECK(code_of(cut) == Code::invalid_argument);
      cut.strides[plane] = SIZE_MAX / 2;
      CHECK(code_of(cut) == Code::invalid_argument);
    }
  }
  Frame frame = frame_of(jpeg.planes, YuvLayout::i420, 0);
  YuvFrame empty = frame.view;
  empty.width = 0;
  CHECK(code_of(empty) == Code::invalid_argument);
  empty.width = limits::kPictureSideMax + 1;
  CHECK(code_of(empty) == Code::limit_exceeded);
}

TEST_CASE("the mean luma of cells") {
  Picture picture = new_picture(6, 4);
  for (size_t i = 0; i < 3; ++i) picture.rgb[(3 * 6 + 5) * 3 + i] = 255;  // a white pixel at the lower right
  std::vector<uint8_t> luma(6);
  mean_luma(picture, 3, 2, luma.data());
  CHECK(luma == std::vector<uint8_t>{0, 0, 0, 0, 0, 63});
  luma.assign(8 * 8, 7);
  mean_luma(picture, 8, 8, luma.data());  // more cells than pixels
  CHECK(luma[63] == 255);
  CHECK(luma[0] == 0);
}
