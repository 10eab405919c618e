// Resampling of RGB rows to another size, bit for bit as PIL's Image.resize does it on 8-bit pictures (Pillow 13:
// antialiased, in fixed point), but row by row in little memory. Not cropping or normalising: engine/pixels.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arena.hpp"

namespace mica {

// In PIL's order: a filter's number there is its number here.
enum class ResampleFilter : uint8_t { nearest, lanczos, bilinear, bicubic, box, hamming };

// All in pixels and not zero; sides up to 2^30. Only the part of the target that starts at (left, top) is computed, and
// every pixel of it is what it would be in the whole.
struct ResampleGeometry {
  uint32_t source_width = 0, source_height = 0;
  uint32_t target_width = 0, target_height = 0;
  uint32_t left = 0, top = 0, width = 0, height = 0;
  bool columns_first = false;  // always, as Pillow did before 13
};

// The source pixels that make target pixels along one side, and their weights.
class ResampleAxis {
 public:
  struct Window {
    uint32_t begin = 0, end = 0;  // source pixels
    double center = 0;            // of the target pixel, in the source
    double sum = 0;               // of the weights before they are normalised
  };

  ResampleAxis(ResampleFilter filter, uint32_t source, uint32_t target);

  bool is_identity() const { return source_ == target_; }
  bool magnifies() const { return source_ < target_; }
  double scale() const { return scale_; }
  Window window(uint32_t target_pixel) const;
  uint32_t window_begin(uint32_t target_pixel) const;
  // The most source pixels that a window can hold.
  uint32_t window_max() const;
  // In fixed point, kResampleOne for 1; `source_pixel` lies in the window.
  int32_t weight(const Window& window, uint32_t source_pixel) const;

 private:
  double center(uint32_t target_pixel) const { return (target_pixel + 0.5) * scale_; }
  double filter(double distance) const;

  ResampleFilter filter_;
  uint32_t source_, target_;
  double scale_;         // source pixels a target pixel
  double filter_scale_;  // the same, but never below 1: magnifying interpolates, reducing averages
  double support_;       // reach of the filter to each side, in source pixels
};
inline constexpr int kResampleShift = 32 - 8 - 2;  // 8 bits of a pixel, 2 for what the weights overshoot
inline constexpr int32_t kResampleOne = 1 << kResampleShift;

// Push the source rows [source_begin(), source_end()) in order; after each push take all finished rows by next_row().
class Resampler {
 public:
  // Takes all its memory from `arena` and allocates nothing else; with an arena that only measures, or that has failed,
  // the object may not be used. What it takes depends on the widths and on which side goes first, not on the heights.
  Resampler(const ResampleGeometry& geometry, ResampleFilter filter, Arena* arena);

  uint32_t source_begin() const { return source_begin_; }
  uint32_t source_end() const { return source_end_; }
  void push(const uint8_t* rgb);
  // The next row of the wanted part, width * 3 bytes that are good until the next call of push or next_row; null when
  // more source rows are needed for it, or after the last.
  const uint8_t* next_row();

 private:
  // At most 2 * reach + 3 windows of a reducing filter hold the same row: 7 where it reaches 2 pixels, as bicubic does,
  // 9 of Lanczos' 3; a magnifying one's hold at most 2 * reach + 1 rows.
  static constexpr uint32_t kSlots = 8, kSlotsLanczos = 12;

  struct ActiveRow {  // a target row whose window has been entered but not left
    ResampleAxis::Window window;
    int32_t* sums = nullptr;
  };

  size_t out_values() const { return size_t{geometry_.width} * 3; }
  // Of a row that is resampled vertically.
  size_t row_values() const { return rows_go_first_ ? size_t{geometry_.source_width} * 3 : out_values(); }
  void plan_nearest(Arena* arena);
  void plan_weighted(Arena* arena);
  void make_column_weights();
  void resample_columns(const uint8_t* rgb, uint8_t* out);
  void pick_columns(const uint8_t* rgb, uint8_t* out) const;
  const uint8_t* next_nearest_row();
  void add_to_active_rows(const uint8_t* row);
  const uint8_t* finish(const int32_t* sums);

  ResampleGeometry geometry_;
  ResampleAxis columns_, rows_;
  bool picks_;  // the nearest pixel, instead of weighing several
  bool rows_go_first_;
  uint32_t slots_;
  uint32_t source_begin_, source_end_;
  uint32_t source_next_;               // the row that push() awaits
  uint32_t target_next_, target_end_;  // the row that next_row() awaits, and the end of the wanted part
  uint32_t active_end_;                // target rows [target_next_, active_end_) have sums

  // Columns: for each wanted column its first source pixel, how many weights (a multiple of kWeightBlock, filled up
  // with zeros), and the weights, each split into two 16-bit numbers.
  size_t weights_stride_ = 0;
  uint32_t* weights_first_ = nullptr;
  uint32_t* weights_count_ = nullptr;
  int16_t* weights_high_ = nullptr;
  int16_t* weights_low_ = nullptr;
  size_t plane_stride_ = 0;
  int16_t* planes_ = nullptr;  // one source row, by colour

  // Nearest: the source pixel of each wanted column, and the place of the row that next_row() awaits.
  uint32_t* nearest_ = nullptr;
  double nearest_y_ = 0;

  // Rows.
  const uint8_t* line_ = nullptr;     // the last row that was resampled horizontally
  uint8_t* line_slots_[kSlotsLanczos] = {};  // the last rows of that kind; one slot serves where they are not needed again
  uint8_t* finished_ = nullptr;       // the last row that was resampled vertically
  ActiveRow active_[kSlotsLanczos];
};

}  // namespace mica
