// RowMoments: sums over slabs of rows, tile by tile over threads. The products: float_gemm.hpp.
#include "row_moments.hpp"

#include <algorithm>

#include "allocate_in_parallel.hpp"
#include "checked.hpp"
#include "float_gemm.hpp"
#include "massive_rows.hpp"

namespace mica {
namespace {

// Rows that one product adds up: long enough to amortise a tile's passage through memory.
constexpr size_t kSlab = 512;
// A tile of sums and the two pieces that make it stay in a second-level cache.
constexpr size_t kTile = 128;

// sums[i][j] += a[i] . b[j] for one tile, `depth` values each; rows of a and b are kSlab apart, those of sums `width`.
void add_tile(const Compute& compute, float* sums, size_t width, const float* a, const float* b, size_t rows,
              size_t columns, size_t depth) {
  float tile[kTile * kTile];
  std::vector<float> scratch(float_gemm_scratch(columns, depth));
  float_gemm(*compute.kernels, tile, kTile, a, kSlab, b, kSlab, rows, columns, depth, scratch.data());
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j) sums[i * width + j] += tile[i * kTile + j];
}

}  // namespace

Status RowMoments::create(size_t width) {
  width_ = width;
  const size_t squares = width * width;
  // The allocations are the largest of quantization; on hosts that overcommit they fail only beyond all reason.
  second_.assign(squares, 0.0f);
  drift_.assign(squares, 0.0f);
  rows_held_.assign(width * kSlab, 0.0f);
  drift_held_.assign(width * kSlab, 0.0f);
  return Status::ok();
}

void RowMoments::add(const Compute& compute, const float* rows, const float* reference, size_t count) {
  ++samples_;
  for (size_t first = 0; first < count;) {
    const size_t here = std::min(count - first, kSlab - held_);
    parallel_for(compute, ceil_div(width_, kTile), [&](size_t task, int) {
      for (size_t i = task * kTile; i < std::min(width_, (task + 1) * kTile); ++i)
        for (size_t r = 0; r < here; ++r) {
          const float x = rows[(first + r) * width_ + i];
          const float y = reference[(first + r) * width_ + i];
          rows_held_[i * kSlab + held_ + r] = x;
          drift_held_[i * kSlab + held_ + r] = y - x;
        }
    });
    held_ += here;
    first += here;
    if (held_ == kSlab) flush(compute);
  }
  rows_ += count;
}

void RowMoments::flush(const Compute& compute) {
  const size_t tiles = ceil_div(width_, kTile);
  allocate_in_parallel(compute, tiles * tiles, [&](size_t task, int) {
    const size_t i = task / tiles * kTile;
    const size_t j = task % tiles * kTile;
    const size_t rows = std::min(kTile, width_ - i);
    const size_t columns = std::min(kTile, width_ - j);
    const float* a = rows_held_.data() + i * kSlab;
    if (j <= i) add_tile(compute, second_.data() + i * width_ + j, width_, a, rows_held_.data() + j * kSlab, rows, columns, held_);
    add_tile(compute, drift_.data() + i * width_ + j, width_, a, drift_held_.data() + j * kSlab, rows, columns, held_);
  });
  held_ = 0;
}

void RowMoments::finish(const Compute& compute) {
  if (held_ > 0) flush(compute);
  for (size_t i = 0; i < width_; ++i)
    for (size_t j = 0; j < i; ++j) second_[j * width_ + i] = second_[i * width_ + j];
}

void RowMoments::clear_channel(size_t channel) {
  for (size_t i = 0; i < width_; ++i) {
    second_[channel * width_ + i] = second_[i * width_ + channel] = 0.0f;
    drift_[channel * width_ + i] = drift_[i * width_ + channel] = 0.0f;
  }
}

void RowMoments::clear_before_rotation(const Compute& compute, const RowRotation* rotation,
                                       const std::vector<uint32_t>& channels) {
  const auto each_row = [&](std::vector<float>* matrix) {
    parallel_for(compute, width_, [&](size_t i, int) {
      clear_channels(rotation, channels, matrix->data() + i * width_, 1, width_);
    });
  };
  for (std::vector<float>* matrix : {&second_, &drift_})
    for (int side = 0; side < 2; ++side) {
      each_row(matrix);
      for (size_t i = 0; i < width_; ++i)
        for (size_t j = 0; j < i; ++j) std::swap((*matrix)[i * width_ + j], (*matrix)[j * width_ + i]);
    }
}

}  // namespace mica
