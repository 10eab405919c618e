// Frames of cameras to RGB, see yuv.hpp: where samples lie, chroma at every pixel, colours.
#include "yuv.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <utility>

#include "checked.hpp"
#include "picture_decoders.hpp"

namespace mica {
namespace {

// Where the samples of a kind lie: in which plane, the first of a row, and from one to the next.
struct Samples {
  size_t plane, first, step;

  size_t row_bytes(size_t count) const { return first + (count - 1) * step + 1; }
};
struct LayoutRule {
  size_t planes;
  Samples luma, cb, cr;
  uint32_t lines;  // of luma, for one of chroma
};
constexpr LayoutRule kLayouts[kYuvLayouts] = {
    {2, {0, 0, 1}, {1, 0, 2}, {1, 1, 2}, 2},  // NV12
    {3, {0, 0, 1}, {1, 0, 1}, {2, 0, 1}, 2},  // I420
    {1, {0, 0, 2}, {0, 1, 4}, {0, 3, 4}, 1},  // YUYV
};

// How much a colour has of chroma.
struct Factors {
  double red_of_cr, blue_of_cb, green_of_cb, green_of_cr;
};
constexpr Factors kFactors[kYuvMatrices] = {
    {1.40200, 1.77200, 0.34414, 0.71414},  // BT.601, in as many digits as libjpeg has
    {1.57480, 1.85560, 0.18732, 0.46812},  // BT.709
};

constexpr int kFractionBits = 16;

// What each value of a sample adds to a colour, in 1/65536; a half, which rounds, is in the luma's.
struct ColourTables {
  explicit ColourTables(const YuvFrame& frame) {
    const Factors& factors = kFactors[static_cast<size_t>(frame.matrix)];
    const double luma_scale = frame.is_full_range ? 1 : 255.0 / 219;
    const double chroma_scale = frame.is_full_range ? 1 : 255.0 / 224;
    const int black = frame.is_full_range ? 0 : 16;
    for (int value = 0; value < 256; ++value) {
      luma[value] = fixed(luma_scale) * (value - black) + (1 << (kFractionBits - 1));
      red[value] = fixed(factors.red_of_cr * chroma_scale) * (value - 128);
      blue[value] = fixed(factors.blue_of_cb * chroma_scale) * (value - 128);
      green_of_cb[value] = -fixed(factors.green_of_cb * chroma_scale) * (value - 128);
      green_of_cr[value] = -fixed(factors.green_of_cr * chroma_scale) * (value - 128);
    }
  }

  int32_t luma[256], red[256], blue[256], green_of_cb[256], green_of_cr[256];

 private:
  static int32_t fixed(double value) { return static_cast<int32_t>(std::lround(value * (1 << kFractionBits))); }
};

// The planes of a frame whose bounds are checked.
class Planes {
 public:
  Status open(const YuvFrame& frame, const LayoutRule& rule) {
    frame_ = &frame;
    const size_t chroma_width = ceil_div(frame.width, 2), chroma_rows = ceil_div(frame.height, rule.lines);
    for (size_t plane = 0; plane < rule.planes; ++plane) {
      size_t row = 0, rows = chroma_rows;
      for (const Samples* chroma : {&rule.cb, &rule.cr})
        if (chroma->plane == plane) row = std::max(row, chroma->row_bytes(chroma_width));
      if (rule.luma.plane == plane) {
        row = std::max(row, rule.luma.row_bytes(frame.width));
        rows = frame.height;
      }
      MICA_TRY(check(plane, row, rows));
    }
    return Status::ok();
  }

  void copy(const Samples& samples, size_t row, size_t count, uint8_t* out) const {
    const uint8_t* from = frame_->planes[samples.plane].data() + row * strides_[samples.plane] + samples.first;
    for (size_t i = 0; i < count; ++i) out[i] = from[i * samples.step];
  }

 private:
  // Rows have at most 4 * kPictureSideMax bytes, so only strides can be too large to count with.
  Status check(size_t plane, size_t row, size_t rows) {
    const Bytes bytes = frame_->planes[plane];
    const size_t stride = frame_->strides[plane] != 0 ? frame_->strides[plane] : row;
    if (stride < row)
      return Status::error(Code::invalid_argument, "strides[%zu] is %zu; rows of %u pixels have %zu bytes there", plane,
                           stride, frame_->width, row);
    size_t needed = 0;
    if (!checked_mul(stride, rows - 1, &needed) || !checked_add(needed, row, &needed) || needed > bytes.size())
      return Status::error(Code::invalid_argument,
                           "planes[%zu] has %zu bytes; %zu rows of %zu, %zu from one to the next, are more: the frame "
                           "is not whole, or of another size or layout",
                           plane, bytes.size(), rows, row, stride);
    strides_[plane] = stride;
    return Status::ok();
  }

  const YuvFrame* frame_ = nullptr;
  std::array<size_t, kYuvPlanesMax> strides_ = {};
};

// A row of chroma at every pixel. Three parts of the nearer sample and one of the other, along rows and, where a sample
// is of two lines, also from the nearer line to the other; what is added before the shift rounds, up and down in turns.
class ChromaRow {
 public:
  static size_t scratch_bytes(size_t count) { return count * 4; }
  ChromaRow(uint8_t* scratch, size_t count)
      : near_(scratch), far_(scratch + count), row_(scratch + 2 * count), count_(count) {}

  const uint8_t* at(const Planes& planes, const LayoutRule& rule, const Samples& samples, uint32_t y, uint32_t height) {
    const size_t last = ceil_div(height, rule.lines) - 1, near = y / rule.lines;
    const size_t far = rule.lines == 1 ? near : y % 2 != 0 ? std::min(near + 1, last) : std::max<size_t>(near, 1) - 1;
    planes.copy(samples, near, count_, near_);
    planes.copy(samples, far, count_, far_);
    if (count_ < kInterpolatedMin) {
      for (size_t i = 0; i < count_; ++i) row_[2 * i] = row_[2 * i + 1] = near_[i];
    } else {
      interpolate(rule.lines == 1 ? 4 : 8, rule.lines == 1 ? 8 : 7);
    }
    return row_;
  }

 private:
  static constexpr size_t kInterpolatedMin = 3;  // libjpeg repeats shorter rows

  int sum(size_t i) const { return 3 * near_[i] + far_[i]; }

  void interpolate(int before, int behind) {
    for (size_t i = 0; i < count_; ++i) {
      const int here = 3 * sum(i);
      row_[2 * i] = static_cast<uint8_t>((here + sum(i > 0 ? i - 1 : i) + before) >> 4);
      row_[2 * i + 1] = static_cast<uint8_t>((here + sum(i + 1 < count_ ? i + 1 : i) + behind) >> 4);
    }
  }

  uint8_t *near_, *far_, *row_;
  size_t count_;
};

uint8_t colour(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255)); }

void put_row(const ColourTables& tables, const uint8_t* luma, const uint8_t* cb, const uint8_t* cr, uint32_t width,
             uint8_t* rgb) {
  for (uint32_t x = 0; x < width; ++x, rgb += 3) {
    const int32_t light = tables.luma[luma[x]];
    rgb[0] = colour(light + tables.red[cr[x]]);
    rgb[1] = colour(light + tables.green_of_cb[cb[x]] + tables.green_of_cr[cr[x]]);
    rgb[2] = colour(light + tables.blue[cb[x]]);
  }
}

}  // namespace

Status yuv_to_picture(const YuvFrame& frame, Picture* out) {
  const LayoutRule& rule = kLayouts[static_cast<size_t>(frame.layout)];
  Planes planes;
  Picture picture;
  PictureRows rows;
  if (frame.width == 0 || frame.height == 0)
    return Status::error(Code::invalid_argument, "a frame of %u x %u pixels has nothing to show", frame.width,
                         frame.height);
  MICA_TRY(check_picture_size("frame", frame.width, frame.height));
  MICA_TRY(planes.open(frame, rule));
  MICA_TRY(rows.start("frame", frame.width, frame.height, 1, false, &picture));
  const size_t count = ceil_div(frame.width, 2);
  const std::unique_ptr<uint8_t[]> scratch(new (std::nothrow)
                                               uint8_t[2 * ChromaRow::scratch_bytes(count) + frame.width]);
  if (scratch == nullptr) return Status::error(Code::out_of_memory, "no memory for the rows of a frame");
  ChromaRow cb(scratch.get(), count), cr(scratch.get() + ChromaRow::scratch_bytes(count), count);
  uint8_t* luma = scratch.get() + 2 * ChromaRow::scratch_bytes(count);
  const ColourTables tables(frame);
  for (uint32_t y = 0; y < frame.height; ++y) {
    planes.copy(rule.luma, y, frame.width, luma);
    put_row(tables, luma, cb.at(planes, rule, rule.cb, y, frame.height), cr.at(planes, rule, rule.cr, y, frame.height),
            frame.width, rows.row(y));
  }
  *out = std::move(picture);
  return Status::ok();
}

void mean_luma(const Picture& picture, uint32_t columns, uint32_t rows, uint8_t* out) {
  const auto bounds = [](uint32_t cell, uint32_t cells, uint32_t pixels) {
    const auto first = static_cast<uint32_t>(uint64_t{cell} * pixels / cells);
    return std::pair(first, std::max(first + 1, static_cast<uint32_t>((uint64_t{cell} + 1) * pixels / cells)));
  };
  for (uint32_t row = 0; row < rows; ++row) {
    const auto [top, bottom] = bounds(row, rows, picture.height);
    for (uint32_t column = 0; column < columns; ++column) {
      const auto [left, right] = bounds(column, columns, picture.width);
      uint64_t sum = 0;
      for (uint32_t y = top; y < bottom; ++y) {
        const uint8_t* rgb = picture.rgb.get() + (size_t{y} * picture.width + left) * 3;
        for (uint32_t x = left; x < right; ++x, rgb += 3) sum += 77u * rgb[0] + 150u * rgb[1] + 29u * rgb[2];
      }
      *out++ = static_cast<uint8_t>(sum / (uint64_t{256} * (bottom - top) * (right - left)));
    }
  }
}

}  // namespace mica
