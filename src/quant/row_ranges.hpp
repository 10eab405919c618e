// RowRanges: how large the values at a quant point are, visual and text rows apart. Not products of rows:
// row_moments.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace mica {

// Magnitudes of one modality, in bins of a sixteenth of an octave.
class RowRange {
 public:
  void add(const float* values, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const float magnitude = std::fabs(values[i]);
      max_ = std::max(max_, magnitude);
      ++bins_[bin_of(magnitude)];
    }
  }
  void add(const RowRange& other) {
    max_ = std::max(max_, other.max_);
    for (size_t i = 0; i < kBins; ++i) bins_[i] += other.bins_[i];
  }
  // The range [-r, r] over which int8 loses the least square error: a greater one has wider steps, a smaller one cuts
  // more. Never below an eighth of the greatest magnitude.
  float best() const {
    float best = max_;
    double least = INFINITY;
    for (int step = 0; step <= kTrials; ++step) {
      const float range = max_ * std::exp2(-static_cast<float>(step) / kTrialsPerOctave);
      const double error = error_of(range);
      if (error < least) {
        least = error;
        best = range;
      }
    }
    return best;
  }
  // The share of the squared values that int8 over [-range, range] loses.
  double loss(float range) const {
    double squares = 0;
    for (size_t i = 0; i < kBins; ++i) {
      const double magnitude = std::min(max_, upper_edge(i));
      squares += static_cast<double>(bins_[i]) * magnitude * magnitude;
    }
    return squares > 0 ? error_of(range) / squares : 0;
  }
  // The greatest magnitude; 0 when nothing was seen.
  float max() const { return max_; }
  bool seen() const { return max_ > 0; }
  // The magnitude below which `share` of the values lie, to the width of a bin.
  float quantile(double share) const {
    uint64_t total = 0;
    for (const uint64_t bin : bins_) total += bin;
    const double wanted = share * static_cast<double>(total);
    uint64_t below = 0;
    for (size_t i = 0; i < kBins; ++i) {
      below += bins_[i];
      if (static_cast<double>(below) >= wanted) return std::min(max_, upper_edge(i));
    }
    return max_;
  }

 private:
  static constexpr int kTrials = 48;
  static constexpr float kTrialsPerOctave = 16;

  double error_of(float range) const {
    const double step = range / 127.0;
    double sum = 0;
    for (size_t i = 0; i < kBins; ++i) {
      if (bins_[i] == 0) continue;
      const double magnitude = std::min(max_, upper_edge(i));
      const double cut = std::max(0.0, magnitude - range);
      sum += static_cast<double>(bins_[i]) * std::max(std::min(step * step / 12, magnitude * magnitude), cut * cut);
    }
    return sum;
  }

  // Exponents from 2^-32 to 2^32, four bits of mantissa each.
  static constexpr uint32_t kLowest = (127 - 32) << 4;
  static constexpr size_t kBins = 64 << 4;
  static size_t bin_of(float magnitude) {
    const uint32_t key = std::bit_cast<uint32_t>(magnitude) >> 19;
    return key < kLowest ? 0 : std::min<size_t>(key - kLowest, kBins - 1);
  }
  static float upper_edge(size_t bin) { return std::bit_cast<float>((static_cast<uint32_t>(bin) + 1 + kLowest) << 19); }

  float max_ = 0;
  std::array<uint64_t, kBins> bins_{};
};

// The rows of one point. Channel 0 is held apart: MQuant's suppression may keep it out of the integers.
struct RowRanges {
  RowRange visual, text;              // without channel 0
  RowRange first_visual, first_text;  // channel 0

  // rows: [count][width], the first `visual_count` visual.
  void add(const float* rows, size_t count, size_t visual_count, size_t width) {
    for (size_t r = 0; r < count; ++r) {
      const float* row = rows + r * width;
      (r < visual_count ? visual : text).add(row + 1, width - 1);
      (r < visual_count ? first_visual : first_text).add(row, 1);
    }
  }
  // What the integers have to hold; `suppressed`: without channel 0.
  RowRange whole_visual(bool suppressed) const { return whole(visual, first_visual, suppressed); }
  RowRange whole_text(bool suppressed) const { return whole(text, first_text, suppressed); }

 private:
  static RowRange whole(const RowRange& others, const RowRange& first, bool suppressed) {
    RowRange sum = others;
    if (!suppressed) sum.add(first);
    return sum;
  }
};

}  // namespace mica
