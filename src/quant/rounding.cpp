// Rounding: grids by squared error, GPTQ column by column. The factorization: Eigen.
#include "rounding.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "checked.hpp"
#include "float_gemm.hpp"

namespace mica {
namespace {

using ColumnMajor = Eigen::Map<Eigen::MatrixXf>;

// Rows that one task rounds: their float targets of a block of columns stay in the first-level cache.
constexpr size_t kTaskRows = 16;
// Rows that one task rounds by columns, with all their trials: they share each passage through the matrix of feedback.
constexpr size_t kRoundedRows = 8;
constexpr size_t kScaleTrials = 4;
constexpr float kScaleFactors[kScaleTrials] = {0.94f, 1.0f, 1.07f, 1.15f};
// Columns that are rounded one by one before their errors reach the others by a product (GPTQ's "lazy batch").
constexpr size_t kBlock = 128;
// Share of the mean diagonal that is added to H: GPTQ's percdamp. Raised tenfold, at most kDampingSteps times, for a
// matrix that is singular all the same.
constexpr double kDamping = 0.01;
constexpr int kDampingSteps = 3;
// Passes of coordinate descent: a third changes one code in some hundreds.
constexpr size_t kImprovements = 3;
// Share of the correction for drift that is applied. All of it fits the calibration rows best, and others less well: on
// SmolLM2-135M with 52,000 tokens, half or a third of it gave the least perplexity on other text.
constexpr float kDriftShare = 0.5f;

constexpr Grid grid_of(int bits) { return bits == 4 ? Grid{-8, 7} : Grid{-127, 127}; }

// Ties to even; adding 1.5 * 2^23 leaves no fraction, and compilers vectorise it.
float nearest_code(float value, const Grid& grid) {
  constexpr float kNoFraction = 12582912.0f;
  return (std::min(std::max(value, static_cast<float>(grid.low)), static_cast<float>(grid.high)) + kNoFraction) -
         kNoFraction;
}

double squared_error(const float* row, size_t columns, float scale, const Grid& grid) {
  const float inverse = 1.0f / scale;
  float sums[8] = {};
  for (size_t i = 0; i < columns; ++i) {
    const float difference = row[i] - scale * nearest_code(row[i] * inverse, grid);
    sums[i % 8] += difference * difference;
  }
  double sum = 0;
  for (const float part : sums) sum += part;
  return sum;
}

// The scale of least squared error. Clipping pays with few codes: from the whole range down to half of it. Four bits
// have one more code below zero than above, so the sign of the scale decides which tail gets it.
float best_scale(const float* row, size_t columns, int bits) {
  const Grid grid = grid_of(bits);
  float low = 0, high = 0;
  for (size_t i = 0; i < columns; ++i) {
    low = std::min(low, row[i]);
    high = std::max(high, row[i]);
  }
  if (low == high) return 1.0f;
  const int steps = bits == 4 ? 28 : 6;
  const auto below = static_cast<float>(-grid.low);
  const auto above = static_cast<float>(grid.high);
  float best = 1.0f;
  double least = INFINITY;
  for (const float sign : {1.0f, -1.0f}) {
    const float whole = sign > 0 ? std::max(-low / below, high / above) : std::max(high / below, -low / above);
    for (int step = 0; step < steps; ++step) {
      const float scale = sign * whole * (1.0f - 0.018f * static_cast<float>(step));
      const double error = squared_error(row, columns, scale, grid);
      if (error < least) {
        least = error;
        best = scale;
      }
    }
    if (grid.low == -grid.high) break;
  }
  return best;
}

RoundedMatrix empty_matrix(size_t rows, size_t columns) {
  RoundedMatrix out;
  out.rows = rows;
  out.columns = columns;
  out.codes.resize(rows * columns);
  out.scale.resize(rows);
  return out;
}

// c[rows][columns] = a[rows][depth] * w[columns][depth]^T over threads, by tiles of rows and columns.
void multiply(const Compute& compute, float* c, const float* a, const float* w, size_t rows, size_t columns,
              size_t depth) {
  constexpr size_t kTile = 256;
  const size_t across = ceil_div(columns, kTile);
  parallel_for(compute, ceil_div(rows, kTile) * across, [&](size_t task, int) {
    const size_t r = task / across * kTile;
    const size_t j = task % across * kTile;
    const size_t width = std::min(kTile, columns - j);
    std::vector<float> scratch(float_gemm_scratch(width, depth));
    float_gemm(*compute.kernels->f32, c + r * columns + j, columns, a + r * depth, depth, w + j * depth, depth,
               std::min(kTile, rows - r), width, depth, scratch.data());
  });
}

}  // namespace

RoundedMatrix round_nearest(const Compute& compute, const float* weights, size_t rows, size_t columns, int bits) {
  RoundedMatrix out = empty_matrix(rows, columns);
  const Grid grid = grid_of(bits);
  parallel_for(compute, ceil_div(rows, kTaskRows), [&](size_t task, int) {
    for (size_t r = task * kTaskRows; r < std::min(rows, (task + 1) * kTaskRows); ++r) {
      const float* row = weights + r * columns;
      out.scale[r] = best_scale(row, columns, bits);
      for (size_t i = 0; i < columns; ++i)
        out.codes[r * columns + i] = static_cast<int8_t>(nearest_code(row[i] / out.scale[r], grid));
    }
  });
  return out;
}

namespace {

template <class T>
using Strided = Eigen::Map<
    std::conditional_t<std::is_const_v<T>, const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>,
                       Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>,
    0, Eigen::OuterStride<>>;

// In eight sums, which compilers vectorise.
float short_dot(const float* a, const float* b, size_t n) {
  float sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (size_t lane = 0; lane < 8; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  float sum = ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

double dot(const float* a, const float* b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

}  // namespace

double output_energy(const Compute& compute, const float* difference, size_t rows, const RowMoments& moments) {
  const size_t n = moments.width();
  std::vector<float> product(rows * n);
  multiply(compute, product.data(), difference, moments.second(), rows, n, n);
  double sum = 0;
  for (size_t r = 0; r < rows; ++r) sum += dot(product.data() + r * n, difference + r * n, n);
  return sum;
}

bool ColumnRounder::factor(const RowMoments& moments) {
  const size_t n = columns_ = moments.width();
  moments_ = &moments;
  const float* second = moments.second();
  order_.resize(n);
  std::iota(order_.begin(), order_.end(), 0u);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](uint32_t a, uint32_t b) { return second[a * n + a] > second[b * n + b]; });
  double trace = 0;
  for (size_t i = 0; i < n; ++i) trace += second[i * n + i];
  double damping = kDamping * trace / static_cast<double>(n);
  lower_.resize(n * n);
  for (int step = 0;; ++step, damping *= 10) {
    if (step > kDampingSteps || !std::isfinite(damping)) return false;
    for (size_t a = 0; a < n; ++a)
      for (size_t b = 0; b < n; ++b) lower_[a * n + b] = second[order_[n - 1 - a] * n + order_[n - 1 - b]];
    for (size_t a = 0; a < n; ++a) {
      float& diagonal = lower_[a * n + a];
      // A channel that is always zero: any weight does as well as any other.
      diagonal =
          diagonal > 0 ? diagonal + static_cast<float>(damping) : static_cast<float>(damping > 0 ? damping : 1.0);
    }
    const auto size = static_cast<Eigen::Index>(n);
    ColumnMajor matrix(lower_.data(), size, size);
    const Eigen::LLT<Eigen::Ref<Eigen::MatrixXf>> cholesky(matrix);
    damping_ = static_cast<float>(damping);
    if (cholesky.info() == Eigen::Success && std::isfinite(lower_[n * n - 1])) break;
  }
  // R = J L J is upper triangular, H = R R^T, and U = R diag(R)^-1. Element (row, column) of L is at column * n + row.
  feedback_.assign(n * n, 0.0f);
  conditional_.resize(n);
  for (size_t k = 0; k < n; ++k) {
    const float* column = lower_.data() + (n - 1 - k) * n;
    const float pivot = column[n - 1 - k];
    conditional_[k] = pivot * pivot;
    for (size_t i = 0; i < k; ++i) feedback_[k * n + i] = column[n - 1 - i] / pivot;
  }
  return true;
}

// rows <- rows H^-1.
void ColumnRounder::solve_rows(float* rows, size_t count) const {
  const size_t n = columns_;
  Eigen::MatrixXf right(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(count));
  for (size_t r = 0; r < count; ++r)
    for (size_t a = 0; a < n; ++a)
      right(static_cast<Eigen::Index>(a), static_cast<Eigen::Index>(r)) = rows[r * n + order_[n - 1 - a]];
  const Eigen::Map<const Eigen::MatrixXf> lower(lower_.data(), static_cast<Eigen::Index>(n),
                                                static_cast<Eigen::Index>(n));
  lower.triangularView<Eigen::Lower>().solveInPlace(right);
  lower.triangularView<Eigen::Lower>().transpose().solveInPlace(right);
  for (size_t r = 0; r < count; ++r)
    for (size_t a = 0; a < n; ++a)
      rows[r * n + order_[n - 1 - a]] = right(static_cast<Eigen::Index>(a), static_cast<Eigen::Index>(r));
}

void ColumnRounder::correct_drift(const Compute& compute, std::vector<float>* weights, size_t rows) const {
  constexpr size_t kSolveRows = 64;
  const size_t n = columns_;
  std::vector<float> shift(rows * n);
  multiply(compute, shift.data(), weights->data(), moments_->drift(), rows, n, n);
  parallel_for(compute, ceil_div(rows, kSolveRows), [&](size_t task, int) {
    const size_t first = task * kSolveRows;
    solve_rows(shift.data() + first * n, std::min(kSolveRows, rows - first));
  });
  for (size_t i = 0; i < rows * n; ++i)
    (*weights)[i] += kDriftShare * shift[i];
}

// Rounds `count` rows of targets, each with its scale; columns are in order. Codes and errors are [count][columns]; a
// cost is the sum of D times the squares of what rounding alone took away.
void ColumnRounder::round_rows(const Trials& trials) const {
  const size_t n = columns_;
  const auto columns = static_cast<Eigen::Index>(n);
  const auto count = static_cast<Eigen::Index>(trials.count);
  std::vector<float> block(trials.count * kBlock);
  for (size_t begin = 0; begin < n; begin += kBlock) {
    const size_t width = std::min(kBlock, n - begin);
    const auto done_columns = static_cast<Eigen::Index>(begin);
    // What the columns before the block leave to it.
    const Strided<const float> done(trials.errors, count, done_columns, Eigen::OuterStride<>(columns));
    const Strided<const float> weights(feedback_.data() + begin * n, static_cast<Eigen::Index>(width), done_columns,
                                       Eigen::OuterStride<>(columns));
    Strided<float> carried(block.data(), count, static_cast<Eigen::Index>(width), Eigen::OuterStride<>(kBlock));
    if (begin > 0) carried.noalias() = done * weights.transpose();
    else carried.setZero();
    for (size_t r = 0; r < trials.count; ++r) {
      const float scale = trials.scale[r];
      const float inverse = 1.0f / scale;
      const float* target = trials.target + r * n;
      float* errors = trials.errors + r * n;
      for (size_t k = begin; k < begin + width; ++k) {
        const float value = target[k] + block[r * kBlock + k - begin] +
                            short_dot(errors + begin, feedback_.data() + k * n + begin, k - begin);
        const float code = nearest_code(value * inverse, trials.grid);
        const float taken = value - code * scale;
        trials.codes[r * n + k] = static_cast<int8_t>(code);
        errors[k] = target[k] - code * scale;
        trials.cost[r] += static_cast<double>(conditional_[k]) * taken * taken;
      }
    }
  }
}

// The rows [first, first + rows) of the outcome: several scales are tried for each, since errors that are carried from
// column to column widen what has to be rounded.
void ColumnRounder::round_task(const float* target, size_t first, size_t rows, int bits, RoundedMatrix* out) const {
  const size_t n = columns_;
  const size_t count = rows * kScaleTrials;
  std::vector<float> targets(count * n), errors(count * n), scales(count);
  std::vector<int8_t> codes(count * n);
  std::vector<double> cost(count, 0.0);
  for (size_t r = 0; r < rows; ++r) {
    const float best = best_scale(target + (first + r) * n, n, bits);
    for (size_t trial = 0; trial < kScaleTrials; ++trial) {
      scales[r * kScaleTrials + trial] = best * kScaleFactors[trial];
      for (size_t k = 0; k < n; ++k) targets[(r * kScaleTrials + trial) * n + k] = target[(first + r) * n + order_[k]];
    }
  }
  round_rows({.count = count,
              .target = targets.data(),
              .scale = scales.data(),
              .grid = grid_of(bits),
              .codes = codes.data(),
              .errors = errors.data(),
              .cost = cost.data()});
  for (size_t r = 0; r < rows; ++r) {
    const auto* begin = cost.data() + r * kScaleTrials;
    const size_t best = r * kScaleTrials + static_cast<size_t>(std::min_element(begin, begin + kScaleTrials) - begin);
    out->scale[first + r] = scales[best];
    for (size_t k = 0; k < n; ++k) out->codes[(first + r) * n + order_[k]] = codes[best * n + k];
  }
}

// One pass over a row's columns, each brought to the code that is best beside the others as they are; `product` is H
// times the codes and follows them. Returns how many codes changed.
size_t ColumnRounder::improve_row(const float* wanted, float scale, const Grid& grid, float* codes,
                                  float* product) const {
  const size_t n = columns_;
  const float* second = moments_->second();
  size_t changed = 0;
  for (const uint32_t k : order_) {
    const float own = second[k * n + k] + damping_;
    if (!(own > 0)) continue;
    const float best = nearest_code(codes[k] + (wanted[k] / scale - product[k]) / own, grid);
    const float step = best - codes[k];
    if (step == 0) continue;
    codes[k] = best;
    const float* column = second + k * n;
    for (size_t i = 0; i < n; ++i) product[i] += step * column[i];
    product[k] += step * damping_;
    ++changed;
  }
  return changed;
}

// Codes and scales in turns: codes by coordinate descent from what GPTQ found (as QuantEase, arXiv 2309.01885), scales
// by least squares on the rows of the moments. Then what remains of the error.
void ColumnRounder::improve(const Compute& compute, const float* target, int bits, RoundedMatrix* out) const {
  const size_t n = columns_;
  const Grid grid = grid_of(bits);
  std::vector<float> codes(out->codes.begin(), out->codes.end());
  std::vector<float> product(out->rows * n), wanted(out->rows * n);
  multiply(compute, product.data(), codes.data(), moments_->second(), out->rows, n, n);
  multiply(compute, wanted.data(), target, moments_->second(), out->rows, n, n);
  std::vector<double> errors(out->rows);
  parallel_for(compute, out->rows, [&](size_t r, int) {
    float* row = codes.data() + r * n;
    float* p = product.data() + r * n;
    float* w = wanted.data() + r * n;
    const float* t = target + r * n;
    errors[r] = dot(w, t, n);
    for (size_t i = 0; i < n; ++i) {
      p[i] += damping_ * row[i];
      w[i] += damping_ * t[i];
    }
    for (size_t pass = 0;; ++pass) {
      const double both = dot(w, row, n);
      const double own = dot(p, row, n);
      if (own > 0 && std::isfinite(both) && both != 0) out->scale[r] = static_cast<float>(both / own);
      if (pass == kImprovements || improve_row(w, out->scale[r], grid, row, p) == 0) break;
    }
    const double scale = out->scale[r];
    double own = 0, both = 0;
    for (size_t i = 0; i < n; ++i) {
      own += static_cast<double>(p[i] - damping_ * row[i]) * row[i];
      both += static_cast<double>(w[i] - damping_ * t[i]) * row[i];
      out->codes[r * n + i] = static_cast<int8_t>(row[i]);
    }
    errors[r] += scale * (scale * own - 2 * both);
  });
  for (const double error : errors) out->error += std::max(error, 0.0);
}

RoundedMatrix ColumnRounder::round(const Compute& compute, const float* weights, size_t rows, int bits) const {
  const size_t n = columns_;
  std::vector<float> target(weights, weights + rows * n);
  correct_drift(compute, &target, rows);
  RoundedMatrix out = empty_matrix(rows, n);
  parallel_for(compute, ceil_div(rows, kRoundedRows), [&](size_t task, int) {
    const size_t first = task * kRoundedRows;
    round_task(target.data(), first, std::min(kRoundedRows, rows - first), bits, &out);
  });
  improve(compute, target.data(), bits, &out);
  out.energy = output_energy(compute, weights, rows, *moments_);
  return out;
}

}  // namespace mica
