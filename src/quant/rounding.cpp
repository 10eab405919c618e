// Rounding: GPTQ column by column, then coordinate descent. The factorization: Eigen.
#include "rounding.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "allocate_in_parallel.hpp"
#include "checked.hpp"
#include "float_gemm.hpp"
#include "matrix.hpp"

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
// The same divided by samples, where it is more and few bits leave much to distribute: what few pictures or texts say of
// others is less sure. At 128 samples 0.016.
constexpr double kDampingOfSample = 2;
constexpr int kDampingSteps = 3;
// Passes of coordinate descent: a third changes one code in some hundreds.
constexpr size_t kImprovements = 3;
// Share of the correction for drift that is applied. All of it fits the calibration rows best, and others less well: on
// SmolLM2-135M with 52,000 tokens, half or a third of it gave the least perplexity on other text.
constexpr float kDriftShare = 0.5f;

RoundedMatrix empty_matrix(size_t rows, size_t columns, const Grid& grid) {
  RoundedMatrix out;
  out.rows = rows;
  out.columns = columns;
  out.codes.resize(rows * columns);
  out.scale.resize(rows);
  out.group = grid.group;
  out.multipliers.resize(rows * group_count(grid.format, columns));
  return out;
}

void keep_scale(const RowScale& scale, size_t row, RoundedMatrix* out) {
  out->scale[row] = scale.scale;
  std::copy(scale.multipliers.begin(), scale.multipliers.end(),
            out->multipliers.begin() + static_cast<std::ptrdiff_t>(row * scale.multipliers.size()));
}

// c[rows][columns] = a[rows][depth] * w[columns][depth]^T over threads, by tiles of rows and columns.
void multiply(const Compute& compute, float* c, const float* a, const float* w, size_t rows, size_t columns,
              size_t depth) {
  constexpr size_t kTile = 256;
  const size_t across = ceil_div(columns, kTile);
  allocate_in_parallel(compute, ceil_div(rows, kTile) * across, [&](size_t task, int) {
    const size_t r = task / across * kTile;
    const size_t j = task % across * kTile;
    const size_t width = std::min(kTile, columns - j);
    std::vector<float> scratch(float_gemm_scratch(width, depth));
    float_gemm(*compute.kernels, c + r * columns + j, columns, a + r * depth, depth, w + j * depth, depth,
               std::min(kTile, rows - r), width, depth, scratch.data());
  });
}

}  // namespace

RoundedMatrix round_nearest(const Compute& compute, const float* weights, size_t rows, size_t columns,
                            const Grid& grid) {
  RoundedMatrix out = empty_matrix(rows, columns, grid);
  const NearestCode nearest(grid);
  allocate_in_parallel(compute, ceil_div(rows, kTaskRows), [&](size_t task, int) {
    for (size_t r = task * kTaskRows; r < std::min(rows, (task + 1) * kTaskRows); ++r) {
      const RowScale scale = best_scale(weights + r * columns, columns, nearest);
      keep_scale(scale, r, &out);
      round_row(weights + r * columns, columns, nearest, scale, out.codes.data() + r * columns);
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

// Those that are rounded together by the sum of theirs, and behind all of these what lacks some.
void ColumnRounder::order_columns(size_t together) {
  const size_t n = columns_;
  const float* second = moments_->second();
  together_ = together;
  // In these bits the columns of a group differ.
  const auto inner = together == 2 ? kPairDistance : static_cast<uint32_t>(together - 1);
  std::vector<float> sizes(n);
  for (size_t k = 0; k < n; ++k) {
    const size_t first = k & ~size_t{inner};
    sizes[k] = (first | inner) < n ? 0.0f : -1.0f;
    for (size_t i = first; i <= (first | inner) && sizes[k] >= 0; ++i)
      if ((i & ~size_t{inner}) == first) sizes[k] += second[i * n + i];
  }
  order_.resize(n);
  std::iota(order_.begin(), order_.end(), 0u);
  std::stable_sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
    return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : (a & ~inner) < (b & ~inner);
  });
}

bool ColumnRounder::factor(const RowMoments& moments, size_t together, bool few_bits) {
  const size_t n = columns_ = moments.width();
  moments_ = &moments;
  const float* second = moments.second();
  order_columns(together);
  double trace = 0;
  for (size_t i = 0; i < n; ++i) trace += second[i * n + i];
  double share = kDamping;
  if (few_bits && moments.samples() > 1)
    share = std::max(share, kDampingOfSample / static_cast<double>(moments.samples()));
  double damping = share * trace / static_cast<double>(n);
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
  if (together == kLatticeColumns) make_vectors();
  return true;
}

double ColumnRounder::share_left() const {
  double left = 0, all = 0;
  for (size_t k = 0; k < columns_; ++k) {
    left += conditional_[k];
    all += static_cast<double>(moments_->second()[k * columns_ + k]) + damping_;
  }
  return all > 0 ? left / all : 1;
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
  allocate_in_parallel(compute, ceil_div(rows, kSolveRows), [&](size_t task, int) {
    const size_t first = task * kSolveRows;
    solve_rows(shift.data() + first * n, std::min(kSolveRows, rows - first));
  });
  for (size_t i = 0; i < rows * n; ++i)
    (*weights)[i] += kDriftShare * shift[i];
}

// What the columns before the k-th leave to a column of one row, its own target with it; those before `begin` in `carried`.
float ColumnRounder::left_to(const Trials& trials, size_t row, size_t column, size_t k, size_t begin,
                             const float* carried) const {
  return trials.target[row * columns_ + column] + carried[column - begin] +
         short_dot(trials.errors.data() + row * columns_ + begin, feedback_.data() + column * columns_ + begin,
                   k - begin);
}

// Rounds a column, or the two of a pair, of one row; how many. A cost is the sum of D times the squares of what rounding
// alone took away.
size_t ColumnRounder::round_column(Trials* trials, size_t row, size_t k, size_t begin, const float* carried) const {
  const size_t n = columns_, at = row * n + k;
  float* errors = trials->errors.data() + row * n;
  const float* target = trials->target.data() + row * n;
  const float scale = trials->scale[at];
  const auto finish = [&](size_t column, float value, float code) {
    const float taken = value - code * scale;
    trials->codes[row * n + column] = static_cast<int8_t>(code);
    errors[column] = target[column] - code * scale;
    trials->cost[row] += static_cast<double>(conditional_[column]) * taken * taken;
  };
  const float value = left_to(*trials, row, k, k, begin, carried);
  if (!has_pair(k)) {
    finish(k, value, trials->nearest.of(value * trials->inverse[at]));
    return 1;
  }
  const float other = left_to(*trials, row, k + 1, k, begin, carried), feedback = feedback_[(k + 1) * n + k];
  const float weight = conditional_[k], other_weight = conditional_[k + 1];
  const size_t best = trials->nearest.best_pair([&](float first, float second) {
    const float taken = value - scale * first;
    const float other_taken = other + feedback * (target[k] - scale * first) - scale * second;
    return weight * taken * taken + other_weight * other_taken * other_taken;
  });
  finish(k, value, trials->nearest.first(best));
  finish(k + 1, other + feedback * errors[k], trials->nearest.second(best));
  return 2;
}

void ColumnRounder::round_rows(Trials* trials) const {
  const size_t n = columns_;
  const auto columns = static_cast<Eigen::Index>(n);
  const auto count = static_cast<Eigen::Index>(trials->count);
  std::vector<float> block(trials->count * kBlock);
  for (size_t begin = 0; begin < n; begin += kBlock) {
    const size_t width = std::min(kBlock, n - begin);
    const auto done_columns = static_cast<Eigen::Index>(begin);
    // What the columns before the block leave to it.
    const Strided<const float> done(trials->errors.data(), count, done_columns, Eigen::OuterStride<>(columns));
    const Strided<const float> weights(feedback_.data() + begin * n, static_cast<Eigen::Index>(width), done_columns,
                                       Eigen::OuterStride<>(columns));
    Strided<float> carried(block.data(), count, static_cast<Eigen::Index>(width), Eigen::OuterStride<>(kBlock));
    if (begin > 0) carried.noalias() = done * weights.transpose();
    else carried.setZero();
    for (size_t r = 0; r < trials->count; ++r)
      for (size_t k = begin; k < begin + width;)
        k += together_ == kLatticeColumns ? round_vector(trials, r, k, begin, block.data() + r * kBlock)
                                          : round_column(trials, r, k, begin, block.data() + r * kBlock);
  }
}

// The rows [first, first + rows) of the outcome: several scales are tried for each, since errors that are carried from
// column to column widen what has to be rounded.
void ColumnRounder::round_task(const float* target, size_t first, size_t rows, const NearestCode& nearest,
                               RoundedMatrix* out) const {
  const size_t n = columns_;
  const size_t count = rows * kScaleTrials, values = count * n;
  Trials trials{count,
                nearest,
                std::vector<float>(values),
                std::vector<float>(values),
                std::vector<float>(values),
                std::vector<int8_t>(values),
                std::vector<float>(values),
                std::vector<double>(count, 0.0)};
  std::vector<RowScale> scales(rows);
  for (size_t r = 0; r < rows; ++r) {
    scales[r] = best_scale(target + (first + r) * n, n, nearest);
    for (size_t trial = 0; trial < kScaleTrials; ++trial) {
      const float scale = scales[r].scale * kScaleFactors[trial];
      const float inverse = 1.0f / scale;
      for (size_t k = 0; k < n; ++k) {
        const size_t at = (r * kScaleTrials + trial) * n + k;
        const float factor = out->group > 0 ? scales[r].multipliers[order_[k] / out->group] : 1.0f;
        trials.target[at] = target[(first + r) * n + order_[k]];
        trials.scale[at] = scale * factor;
        trials.inverse[at] = factor != 0 ? inverse / factor : 0.0f;
      }
    }
  }
  round_rows(&trials);
  for (size_t r = 0; r < rows; ++r) {
    const auto* begin = trials.cost.data() + r * kScaleTrials;
    const auto trial = static_cast<size_t>(std::min_element(begin, begin + kScaleTrials) - begin);
    scales[r].scale *= kScaleFactors[trial];
    keep_scale(scales[r], first + r, out);
    for (size_t k = 0; k < n; ++k)
      out->codes[(first + r) * n + order_[k]] = trials.codes[(r * kScaleTrials + trial) * n + k];
  }
}

// The product of H with factors and codes after one of these moved by `step`.
void ColumnRounder::move(const Improved& row, size_t column, float step) const {
  const float* moments = moments_->second() + column * columns_;
  for (size_t i = 0; i < columns_; ++i) row.product[i] += step * moments[i];
  row.product[column] += step * damping_;
}

// Whether the code was another.
bool ColumnRounder::set(const Improved& row, size_t column, float code) const {
  const float step = (code - row.codes[column]) * row.factors[column];
  if (step == 0) return false;
  row.codes[column] = code;
  move(row, column, step);
  return true;
}

// One pass over a row's columns, each (or each pair) brought to the code that is best beside the others as they are.
// Returns how many codes changed.
size_t ColumnRounder::improve_codes(const Improved& row) const {
  if (together_ == kLatticeColumns) return improve_vectors(row);
  const size_t n = columns_;
  const float* second = moments_->second();
  size_t changed = 0;
  const auto set = [&](size_t column, float code) { changed += this->set(row, column, code); };
  for (size_t k = 0; k < n; ++k) {
    const uint32_t a = order_[k];
    const float own = second[a * n + a] + damping_;
    if (!(own > 0) || row.factors[a] == 0) continue;
    const float pull = row.wanted[a] / row.scale - row.product[a];
    if (!has_pair(k)) {
      set(a, row.nearest.of(row.codes[a] + pull / (own * row.factors[a])));
      continue;
    }
    const uint32_t b = order_[++k];
    const float other = second[b * n + b] + damping_, both = second[a * n + b];
    const float other_pull = row.wanted[b] / row.scale - row.product[b];
    const float code_a = row.codes[a], code_b = row.codes[b];
    const size_t best = row.nearest.best_pair([&](float first, float last) {
      const float x = first - code_a, y = last - code_b;
      return x * (own * x - 2 * pull) + y * (other * y - 2 * other_pull) + 2 * both * x * y;
    });
    set(a, row.nearest.first(best));
    set(b, row.nearest.second(best));
  }
  return changed;
}

// Likewise each group's multiplier.
size_t ColumnRounder::improve_multipliers(const Improved& row) const {
  const size_t n = columns_, group = row.nearest.grid().group;
  const float* second = moments_->second();
  std::vector<float> along(n);
  size_t changed = 0;
  for (size_t begin = 0; group > 0 && begin < n; begin += group) {
    const size_t end = std::min(n, begin + group);
    std::fill(along.begin(), along.end(), 0.0f);
    float pull = 0, own = 0;
    for (size_t k = begin; k < end; ++k) {
      for (size_t i = 0; i < n; ++i) along[i] += row.codes[k] * second[k * n + i];
      along[k] += damping_ * row.codes[k];
    }
    for (size_t k = begin; k < end; ++k) {
      pull += row.codes[k] * (row.wanted[k] / row.scale - row.product[k]);
      own += row.codes[k] * along[k];
    }
    if (!(own > 0) || row.factors[begin] == 0) continue;
    const float best = nearest_integer(row.factors[begin] + pull / own, 1, kMultiplierMax);
    const float step = best - row.factors[begin];
    if (step == 0) continue;
    for (size_t k = begin; k < end; ++k) row.factors[k] = best;
    for (size_t i = 0; i < n; ++i) row.product[i] += step * along[i];
    ++changed;
  }
  return changed;
}

// Codes, multipliers and scale in turns: the first two by coordinate descent from what GPTQ found (as QuantEase, arXiv
// 2309.01885), the scale by least squares on the rows of the moments. Returns what remains of the error, but for the
// target's own energy.
double ColumnRounder::improve_row(const Improved& improved, const float* target, float* scale) const {
  const size_t n = columns_;
  Improved row = improved;
  std::vector<float> values(n);
  for (size_t pass = 0;; ++pass) {
    for (size_t i = 0; i < n; ++i) values[i] = row.factors[i] * row.codes[i];
    const double both = dot(row.wanted, values.data(), n);
    const double own = dot(row.product, values.data(), n);
    if (own > 0 && std::isfinite(both) && both != 0) row.scale = static_cast<float>(both / own);
    if (pass == kImprovements) break;
    const size_t changed = improve_codes(row);
    if (changed + improve_multipliers(row) == 0) break;
  }
  *scale = row.scale;
  double own = 0, both = 0;
  for (size_t i = 0; i < n; ++i) {
    own += static_cast<double>(row.product[i] - damping_ * values[i]) * values[i];
    both += static_cast<double>(row.wanted[i] - damping_ * target[i]) * values[i];
  }
  return static_cast<double>(row.scale) * (row.scale * own - 2 * both);
}

void ColumnRounder::improve(const Compute& compute, const float* target, const NearestCode& nearest,
                            RoundedMatrix* out) const {
  const size_t n = columns_, group = out->group, groups = out->multipliers.size() / std::max<size_t>(1, out->rows);
  std::vector<float> codes(out->codes.begin(), out->codes.end()), values(codes);
  for (size_t i = 0; group > 0 && i < values.size(); ++i)
    values[i] *= out->multipliers[i / n * groups + i % n / group];
  std::vector<float> product(out->rows * n), wanted(out->rows * n);
  multiply(compute, product.data(), values.data(), moments_->second(), out->rows, n, n);
  multiply(compute, wanted.data(), target, moments_->second(), out->rows, n, n);
  std::vector<double> errors(out->rows);
  allocate_in_parallel(compute, out->rows, [&](size_t r, int) {
    float* p = product.data() + r * n;
    float* w = wanted.data() + r * n;
    const float* t = target + r * n;
    errors[r] = dot(w, t, n);
    std::vector<float> factors(n, 1.0f);
    for (size_t i = 0; i < n; ++i) {
      if (group > 0) factors[i] = out->multipliers[r * groups + i / group];
      p[i] += damping_ * values[r * n + i];
      w[i] += damping_ * t[i];
    }
    errors[r] += improve_row({nearest, w, out->scale[r], factors, codes.data() + r * n, p}, t, &out->scale[r]);
    for (size_t i = 0; i < n; ++i) out->codes[r * n + i] = static_cast<int8_t>(codes[r * n + i]);
    for (size_t g = 0; g < groups; ++g) out->multipliers[r * groups + g] = static_cast<uint8_t>(factors[g * group]);
  });
  for (const double error : errors) out->error += std::max(error, 0.0);
}

RoundedMatrix ColumnRounder::round(const Compute& compute, const float* weights, size_t rows, const Grid& grid) const {
  const size_t n = columns_;
  const NearestCode nearest(grid);
  std::vector<float> target(weights, weights + rows * n);
  correct_drift(compute, &target, rows);
  RoundedMatrix out = empty_matrix(rows, n, grid);
  allocate_in_parallel(compute, ceil_div(rows, kRoundedRows), [&](size_t task, int) {
    const size_t first = task * kRoundedRows;
    round_task(target.data(), first, std::min(kRoundedRows, rows - first), nearest, &out);
  });
  improve(compute, target.data(), nearest, &out);
  out.energy = output_energy(compute, weights, rows, *moments_);
  return out;
}

}  // namespace mica
