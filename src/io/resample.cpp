// Resampling as PIL does it. The weights follow Pillow's published arithmetic exactly (doubles, normalised to a sum of
// 1, then rounded to 22 bits); only the order of the integer sums differs, and that does not change them.
#include "resample.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mica {

namespace {

// Weights come in blocks of one vector of 16-bit numbers, so that the compiler needs no tail.
constexpr uint32_t kWeightBlock = 8;
// 16-bit products are what every vector unit multiplies and adds fastest: weight = high * kSplit + low. A sum of
// pixel * low stays in 32 bits, since |low| <= |weight| and the weights of a window sum to 1 (1.3 in absolute value).
constexpr int32_t kSplitShift = 11;
constexpr int32_t kSplit = 1 << kSplitShift;
constexpr int32_t kHalf = kResampleOne / 2;

uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kResampleShift, 0, 255)); }

// The weighted sums of one window, for each colour.
struct WindowSums {
  int32_t high[3] = {}, low[3] = {};
};

// One loop for all six sums: each pixel and each weight is read once.
WindowSums weighted_sums(const int16_t* red, const int16_t* green, const int16_t* blue, const int16_t* high,
                         const int16_t* low, uint32_t blocks) {
  int32_t red_high = 0, red_low = 0, green_high = 0, green_low = 0, blue_high = 0, blue_low = 0;
  for (uint32_t i = 0; i < blocks * kWeightBlock; ++i) {
    red_high += red[i] * high[i];
    red_low += red[i] * low[i];
    green_high += green[i] * high[i];
    green_low += green[i] * low[i];
    blue_high += blue[i] * high[i];
    blue_low += blue[i] * low[i];
  }
  return {{red_high, green_high, blue_high}, {red_low, green_low, blue_low}};
}

// Each side is rounded to bytes before the other, so their order shows. Pillow 13 takes the rows first where the height
// is reduced by more than twice as many pixels as the width; otherwise, and in older versions always, the columns.
bool reduces_rows_more(const ResampleGeometry& geometry) {
  const int64_t fewer_rows = int64_t{geometry.source_height} - geometry.target_height;
  const int64_t fewer_columns = int64_t{geometry.source_width} - geometry.target_width;
  return fewer_columns != 0 && fewer_rows > 0 && fewer_rows > fewer_columns * 2;
}

// How far a filter reaches to each side, in target pixels.
double reach_of(ResampleFilter filter) {
  switch (filter) {
    case ResampleFilter::lanczos: return 3.0;
    case ResampleFilter::bicubic: return 2.0;
    case ResampleFilter::box: return 0.5;
    default: return 1.0;
  }
}

double sinc(double x) { return x == 0.0 ? 1.0 : std::sin(x * M_PI) / (x * M_PI); }

// Keys, "Cubic convolution interpolation for digital image processing" (1981), a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

void add_weighted(int32_t* sums, const uint8_t* row, int32_t weight, size_t count) {
  for (size_t i = 0; i < count; ++i) sums[i] += row[i] * weight;
}

}  // namespace

ResampleAxis::ResampleAxis(ResampleFilter filter, uint32_t source, uint32_t target)
    : filter_(filter), source_(source), target_(target) {
  scale_ = static_cast<double>(source) / target;
  filter_scale_ = std::max(scale_, 1.0);
  support_ = reach_of(filter) * filter_scale_;
}

double ResampleAxis::filter(double distance) const {
  const double x = std::fabs(distance);
  switch (filter_) {
    case ResampleFilter::box: return distance > -0.5 && distance <= 0.5 ? 1.0 : 0.0;
    case ResampleFilter::hamming: return x < 1.0 ? sinc(x) * (0.54f + 0.46f * std::cos(x * M_PI)) : 0.0;
    case ResampleFilter::lanczos: return distance >= -3.0 && distance < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
    case ResampleFilter::bicubic: return cubic(x);
    default: return x < 1.0 ? 1.0 - x : 0.0;
  }
}

uint32_t ResampleAxis::window_begin(uint32_t target_pixel) const {
  return static_cast<uint32_t>(std::max(static_cast<int>(center(target_pixel) - support_ + 0.5), 0));
}

ResampleAxis::Window ResampleAxis::window(uint32_t target_pixel) const {
  Window window;
  window.center = center(target_pixel);
  window.begin = window_begin(target_pixel);
  window.end = std::min(static_cast<uint32_t>(window.center + support_ + 0.5), source_);
  const double inverse = 1.0 / filter_scale_;
  for (uint32_t i = window.begin; i < window.end; ++i) window.sum += filter((i - window.center + 0.5) * inverse);
  return window;
}

uint32_t ResampleAxis::window_max() const {
  return std::min(static_cast<uint32_t>(std::ceil(support_)) * 2 + 1, source_);
}

int32_t ResampleAxis::weight(const Window& window, uint32_t source_pixel) const {
  double weight = filter((source_pixel - window.center + 0.5) * (1.0 / filter_scale_));
  if (window.sum != 0.0) weight /= window.sum;
  return static_cast<int32_t>((weight < 0 ? -0.5 : 0.5) + weight * kResampleOne);
}

Resampler::Resampler(const ResampleGeometry& geometry, ResampleFilter filter, Arena* arena)
    : geometry_(geometry),
      columns_(filter, geometry.source_width, geometry.target_width),
      rows_(filter, geometry.source_height, geometry.target_height),
      picks_(filter == ResampleFilter::nearest),
      rows_go_first_(!picks_ && !geometry.columns_first && reduces_rows_more(geometry)),
      slots_(filter == ResampleFilter::lanczos ? kSlotsLanczos : kSlots),
      target_next_(geometry.top),
      target_end_(geometry.top + geometry.height),
      active_end_(geometry.top) {
  if (picks_) {
    plan_nearest(arena);
  } else {
    plan_weighted(arena);
  }
  source_next_ = source_begin_;
}

void Resampler::plan_nearest(Arena* arena) {
  nearest_ = arena->take<uint32_t>(geometry_.width);
  line_slots_[0] = arena->take<uint8_t>(out_values());
  // PIL walks from pixel to pixel, and so does the rounding of its sums.
  double y = rows_.scale() * 0.5;
  for (uint32_t i = 0; i < geometry_.top; ++i) y += rows_.scale();
  nearest_y_ = y;
  source_begin_ = static_cast<uint32_t>(y);
  for (uint32_t i = 1; i < geometry_.height; ++i) y += rows_.scale();
  source_end_ = std::min(static_cast<uint32_t>(y), geometry_.source_height - 1) + 1;
  if (arena->measures() || arena->failed()) return;
  double x = columns_.scale() * 0.5;
  for (uint32_t i = 0; i < geometry_.left + geometry_.width; ++i, x += columns_.scale())
    if (i >= geometry_.left)
      nearest_[i - geometry_.left] = std::min(static_cast<uint32_t>(x), geometry_.source_width - 1);
}

void Resampler::plan_weighted(Arena* arena) {
  const ResampleGeometry& geometry = geometry_;
  source_begin_ = rows_.is_identity() ? geometry.top : rows_.window(geometry.top).begin;
  source_end_ = rows_.is_identity() ? target_end_ : rows_.window(target_end_ - 1).end;

  if (!columns_.is_identity()) {
    weights_stride_ = round_up(columns_.window_max(), kWeightBlock);
    weights_first_ = arena->take<uint32_t>(geometry.width);
    weights_count_ = arena->take<uint32_t>(geometry.width);
    weights_high_ = arena->take<int16_t>(geometry.width * weights_stride_);
    weights_low_ = arena->take<int16_t>(geometry.width * weights_stride_);
    plane_stride_ = round_up(size_t{geometry.source_width} + kWeightBlock, Arena::kAlignment);
    planes_ = arena->take<int16_t>(plane_stride_ * 3);
  }
  for (uint32_t i = 0; i < slots_; ++i) line_slots_[i] = arena->take<uint8_t>(out_values());
  for (uint32_t i = 0; i < slots_; ++i) active_[i].sums = arena->take<int32_t>(row_values());
  finished_ = arena->take<uint8_t>(row_values());
  if (!arena->measures() && !arena->failed() && !columns_.is_identity()) make_column_weights();
}

void Resampler::make_column_weights() {
  // Weights of zero stand behind each window; what they are multiplied with must be numbers, though any.
  std::memset(planes_, 0, plane_stride_ * 3 * sizeof *planes_);
  for (uint32_t x = 0; x < geometry_.width; ++x) {
    const ResampleAxis::Window window = columns_.window(geometry_.left + x);
    int16_t* high = weights_high_ + x * weights_stride_;
    int16_t* low = weights_low_ + x * weights_stride_;
    std::memset(high, 0, weights_stride_ * sizeof *high);
    std::memset(low, 0, weights_stride_ * sizeof *low);
    for (uint32_t i = window.begin; i < window.end; ++i) {
      const int32_t weight = columns_.weight(window, i);
      const int32_t weight_high = (weight + kSplit / 2) >> kSplitShift;
      high[i - window.begin] = static_cast<int16_t>(weight_high);
      low[i - window.begin] = static_cast<int16_t>(weight - weight_high * kSplit);
    }
    weights_first_[x] = window.begin;
    weights_count_[x] = static_cast<uint32_t>(round_up(window.end - window.begin, kWeightBlock));
  }
}

void Resampler::resample_columns(const uint8_t* rgb, uint8_t* out) {
  int16_t* const red = planes_;
  int16_t* const green = planes_ + plane_stride_;
  int16_t* const blue = planes_ + plane_stride_ * 2;
  for (uint32_t x = 0; x < geometry_.source_width; ++x) {
    red[x] = rgb[x * 3];
    green[x] = rgb[x * 3 + 1];
    blue[x] = rgb[x * 3 + 2];
  }
  for (uint32_t x = 0; x < geometry_.width; ++x) {
    const uint32_t first = weights_first_[x];
    const WindowSums sums = weighted_sums(red + first, green + first, blue + first, weights_high_ + x * weights_stride_,
                                          weights_low_ + x * weights_stride_, weights_count_[x] / kWeightBlock);
    for (size_t c = 0; c < 3; ++c) {
      // The parts may overflow where their sum does not: added as unsigned.
      const uint32_t sum = static_cast<uint32_t>(sums.high[c]) * kSplit + static_cast<uint32_t>(sums.low[c]) + kHalf;
      out[x * 3 + c] = to_byte(static_cast<int32_t>(sum));
    }
  }
}

void Resampler::pick_columns(const uint8_t* rgb, uint8_t* out) const {
  for (uint32_t x = 0; x < geometry_.width; ++x) std::memcpy(out + size_t{x} * 3, rgb + size_t{nearest_[x]} * 3, 3);
}

const uint8_t* Resampler::next_nearest_row() {
  if (std::min(static_cast<uint32_t>(nearest_y_), geometry_.source_height - 1) >= source_next_) return nullptr;
  nearest_y_ += rows_.scale();
  ++target_next_;
  return line_slots_[0];
}

void Resampler::push(const uint8_t* rgb) {
  if (picks_) {
    if (std::min(static_cast<uint32_t>(nearest_y_), geometry_.source_height - 1) == source_next_)
      pick_columns(rgb, line_slots_[0]);
    ++source_next_;
    return;
  }
  if (rows_go_first_) {
    add_to_active_rows(rgb);
    ++source_next_;
    return;
  }
  // Only when magnifying are earlier rows read again.
  uint8_t* slot = line_slots_[rows_.magnifies() ? source_next_ % slots_ : 0];
  if (!columns_.is_identity()) {
    resample_columns(rgb, slot);
  } else {
    std::memcpy(slot, rgb + size_t{geometry_.left} * 3, out_values());
  }
  line_ = slot;
  if (!rows_.is_identity() && !rows_.magnifies()) add_to_active_rows(slot);
  ++source_next_;
}

void Resampler::add_to_active_rows(const uint8_t* row) {
  for (; active_end_ < target_end_; ++active_end_) {
    if (rows_.window_begin(active_end_) > source_next_) break;
    ActiveRow& active = active_[active_end_ % slots_];
    active.window = rows_.window(active_end_);
    std::fill_n(active.sums, row_values(), kHalf);
  }
  for (uint32_t y = target_next_; y < active_end_; ++y) {
    const ActiveRow& active = active_[y % slots_];
    add_weighted(active.sums, row, rows_.weight(active.window, source_next_), row_values());
  }
}

const uint8_t* Resampler::finish(const int32_t* sums) {
  for (size_t i = 0; i < row_values(); ++i) finished_[i] = to_byte(sums[i]);
  ++target_next_;
  if (!rows_go_first_) return finished_;
  resample_columns(finished_, line_slots_[0]);
  return line_slots_[0];
}

const uint8_t* Resampler::next_row() {
  if (target_next_ == target_end_) return nullptr;
  if (picks_) return next_nearest_row();
  if (rows_.is_identity()) {
    if (target_next_ == source_next_) return nullptr;
    ++target_next_;
    return line_;
  }
  if (rows_.magnifies()) {
    const ResampleAxis::Window window = rows_.window(target_next_);
    if (window.end > source_next_) return nullptr;
    int32_t* sums = active_[0].sums;
    std::fill_n(sums, row_values(), kHalf);
    for (uint32_t y = window.begin; y < window.end; ++y)
      add_weighted(sums, line_slots_[y % slots_], rows_.weight(window, y), row_values());
    return finish(sums);
  }
  const ActiveRow& active = active_[target_next_ % slots_];
  if (target_next_ == active_end_ || active.window.end > source_next_) return nullptr;
  return finish(active.sums);
}

}  // namespace mica
