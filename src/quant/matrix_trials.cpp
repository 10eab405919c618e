// MatrixTrials: float layers with one matrix that is rounded by columns. Not in every format: how they compare is read
// off rounding to the nearest.
#include "matrix_trials.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "checked.hpp"
#include "own_bytes.hpp"
#include "row_comparison.hpp"
#include "transform.hpp"

namespace mica {
namespace {

// Items that a layer is tried on, evenly spread: their rows are enough for the factors of all widths but the largest,
// whose moments are damped.
constexpr size_t kTrialItems = 6;
// Rows of a matrix by which the squared errors of formats are compared, evenly spread.
constexpr size_t kComparedRows = 48;

std::vector<size_t> trial_items(const LayerRows& rows) {
  std::vector<size_t> items;
  const size_t count = std::min(kTrialItems, rows.items());
  for (size_t i = 0; i < count; ++i) items.push_back(i * rows.items() / count);
  return items;
}

// Second moments of what enters each quant point.
class MomentsOfPoints final : public RowObserver {
 public:
  explicit MomentsOfPoints(const Compute& compute) : compute_(compute) { compute_.observer = nullptr; }
  bool observe(const QuantPoint& point, const float* rows, size_t stride, size_t count, size_t, size_t width) override {
    RowMoments& moments = moments_[point.index];
    if (moments.width() == 0) status_ = moments.create(width);
    if (!status_) return false;
    std::vector<float> dense(count * width);
    for (size_t r = 0; r < count; ++r) std::copy_n(rows + r * stride, width, dense.data() + r * width);
    moments.add(compute_, dense.data(), dense.data(), count);
    return true;
  }
  // Complete, once all rows were seen; null where there were none.
  const RowMoments* finish(const QuantPoint& point) {
    const auto found = moments_.find(point.index);
    if (found == moments_.end() || found->second.rows() == 0) return nullptr;
    found->second.finish(compute_);
    return &found->second;
  }

 private:
  Compute compute_;
  std::map<uint32_t, RowMoments> moments_;
  Status status_ = Status::ok();
};

// What rows enter a matrix by, and what it may be stored in.
struct Entering {
  AllocatedFormats formats = {};
  const RowMoments* moments = nullptr;  // null: none were seen
  ColumnRounder rounder;                // for the fewest bits
  bool factored = false;                // the moments, for `rounder`; not where all is rounded to the nearest
  double share_left = 1;  // of the error of rounding to the nearest, by rounding by columns; all, where it is not known
  double mean = 0;        // of a channel's second moment
};

Entering entering(const RowMoments* moments, const AllotJob& job) {
  Entering out;
  out.formats = job.formats;
  out.moments = moments;
  if (moments == nullptr) return out;
  for (size_t k = 0; k < moments->width(); ++k) out.mean += moments->second()[k * moments->width() + k];
  out.mean /= static_cast<double>(moments->width());
  out.factored = job.by_columns && out.rounder.factor(*moments, grid_of(job.formats[0]).together);
  if (out.factored) out.share_left = out.rounder.share_left();
  return out;
}

// The squared error that rounding to a format leaves in a matrix, told by some of its rows.
double squared_error(const Compute& compute, const float* matrix, size_t all_rows, size_t columns,
                     WeightFormat format) {
  const size_t rows = std::min(kComparedRows, all_rows);
  std::vector<float> weights(rows * columns);
  for (size_t r = 0; r < rows; ++r)
    std::copy_n(matrix + r * all_rows / rows * columns, columns, weights.data() + r * columns);
  const RoundedMatrix rounded = round_nearest(compute, weights.data(), rows, columns, grid_of(format));
  double error = 0;
  for (size_t k = 0; k < weights.size(); ++k) {
    const double difference = weights[k] - rounded.weight(k / columns, k % columns);
    error += difference * difference;
  }
  return error * static_cast<double>(all_rows) / static_cast<double>(rows);
}

// The matrix in two, in each format: what is cut off, and what rounding either adds to what the matrix gives. `whole`
// is what the fewest bits take from that.
void add_factored(const Compute& compute, const Matrix& matrix, const Entering& rows, uint32_t rank, bool rotate,
                  double whole, std::vector<FormatChoice>* choices) {
  Factors factors;
  if (rank == 0 || rows.moments == nullptr || !(whole > 0) ||
      !factor_matrix(float_row(matrix, 0), matrix.rows, matrix.columns, *rows.moments, rank, rotate, &factors))
    return;
  const double given = (factors.energy - factors.lost) / rank;  // the mean second moment of what the first gives
  for (const WeightFormat format : rows.formats) {
    const WeightFormat first = first_format(format);
    const double of_first = squared_error(compute, factors.first.data(), rank, matrix.columns, first);
    const double of_second = squared_error(compute, factors.second.data(), matrix.rows, rank, format);
    const double lost =
        factors.lost + rows.share_left * rows.mean * of_first + factors.share_left * given * of_second;
    choices->push_back({.format = format,
                        .bits = packed_bits(first, rank, matrix.columns) + packed_bits(format, matrix.rows, rank),
                        .cost = lost / whole,
                        .rank = rank,
                        .first = first});
  }
}

std::vector<FormatChoice> whole_choices(const Compute& compute, const Matrix& matrix, const Entering& rows) {
  std::vector<FormatChoice> choices;
  double fewest = 0;
  for (const WeightFormat format : rows.formats) {
    const double error = squared_error(compute, float_row(matrix, 0), matrix.rows, matrix.columns, format);
    if (choices.empty()) fewest = error;
    const double ratio = fewest > 0 ? error / fewest : 1;
    choices.push_back({.format = format, .bits = packed_bits(format, matrix.rows, matrix.columns), .cost = ratio});
  }
  return choices;
}

std::vector<FormatChoice> storages_of(const Compute& compute, const Matrix& matrix, const Entering& rows,
                                      const FactorTrials& how) {
  std::vector<FormatChoice> whole = whole_choices(compute, matrix, rows), factored;
  const double fewest = rows.share_left * rows.mean *
                        squared_error(compute, float_row(matrix, 0), matrix.rows, matrix.columns, rows.formats[0]);
  const auto add = [&](double keep) {
    add_factored(compute, matrix, rows, rank_of(keep, matrix.rows, matrix.columns), how.rotate, fewest, &factored);
  };
  if (!how.low_rank.automatic) {
    add(how.low_rank.keep);
    return factored.empty() ? whole : factored;
  }
  for (const double keep : kKeptShares) add(keep);
  whole.insert(whole.end(), factored.begin(), factored.end());
  std::stable_sort(whole.begin(), whole.end(), [](const auto& a, const auto& b) { return a.bits < b.bits; });
  return whole;
}

// The matrix as the fewest bits have it, in float. Rounding by columns does not leave less of the error of rounding to
// the nearest but another: little of it is alike in all rows, and attention takes means over rows of values.
Status round_copy(const Compute& compute, const Matrix& matrix, const Entering& rows, OwnedBytes* memory, Matrix* out) {
  const Grid grid = grid_of(rows.formats[0]);
  const float* weights = float_row(matrix, 0);
  const RoundedMatrix rounded = rows.factored ? rows.rounder.round(compute, weights, matrix.rows, grid)
                                              : round_nearest(compute, weights, matrix.rows, matrix.columns, grid);
  MICA_TRY(copy_matrix(matrix, matrix.bias != nullptr, memory, out));
  for (size_t r = 0; r < matrix.rows; ++r)
    for (size_t k = 0; k < matrix.columns; ++k) float_row(*out, r)[k] = rounded.weight(r, k);
  return Status::ok();
}

bool is_tried(const PartInfo& part, const LayerWeights& layer) {
  return part.kind == PartKind::matrix && part.reads != Site::count && layer.matrices[part.slot].rows != 0;
}

// The items' rows behind a layer. The quantized stream's rows are lent to it.
class LayerRuns {
 public:
  LayerRuns(LayerRows* rows, size_t index) : rows_(rows), index_(index), items_(trial_items(*rows)) {
    for (const size_t item : items_) before_.push_back(rows->state(item, Stream::quantized));
  }
  ~LayerRuns() {
    for (size_t i = 0; i < items_.size(); ++i) rows_->state(items_[i], Stream::quantized) = before_[i];
  }
  LayerRuns(const LayerRuns&) = delete;
  LayerRuns& operator=(const LayerRuns&) = delete;

  // Keeps the outputs of the layer as it is; returns 1 less the mean cosine of the rows before and behind it.
  double run_reference(const Compute& compute, const LayerWeights& layer) {
    RowComparison change;
    for (const size_t item : items_) {
      outputs_.push_back(run(compute, layer, item));
      change.add(rows_->state(item, Stream::reference).x, outputs_.back(), rows_->rows(item));
    }
    return 1 - change.mean_cosine();
  }
  // What of the output another layer changes.
  double distance(const Compute& compute, const LayerWeights& layer) {
    RowComparison lost;
    for (size_t i = 0; i < items_.size(); ++i)
      lost.add(run(compute, layer, items_[i]), outputs_[i], rows_->rows(items_[i]));
    return lost.mean_distance();
  }

 private:
  const std::vector<float>& run(const Compute& compute, const LayerWeights& layer, size_t item) {
    rows_->state(item, Stream::quantized) = rows_->state(item, Stream::reference);
    rows_->run(compute, layer, index_, item, Stream::quantized, true);
    return rows_->state(item, Stream::quantized).x;
  }

  LayerRows* rows_;
  size_t index_;
  std::vector<size_t> items_;
  std::vector<LayerRows::State> before_;
  std::vector<std::vector<float>> outputs_;
};

}  // namespace

Status try_layer(const Compute& compute, LayerRows* rows, const LayerWeights& reference, size_t index,
                 const AllotJob& job, OwnedBytes* memory, LayerTrial* out) {
  LayerRuns runs(rows, index);
  MomentsOfPoints moments(compute);
  Compute observed = compute;
  observed.observer = &moments;
  out->influence = runs.run_reference(observed, reference);
  out->rounded = reference;
  std::map<uint32_t, Entering> sites;
  for (const PartInfo& part : parts_of_layers()) {
    if (!is_tried(part, reference)) continue;
    const Matrix& matrix = reference.matrices[part.slot];
    const QuantPoint& point = reference.points[part.reads];
    if (!sites.contains(point.index)) sites[point.index] = entering(moments.finish(point), job);
    const Entering& entered = sites[point.index];
    Matrix& rounded = out->rounded.matrices[part.slot];
    MICA_TRY(round_copy(compute, matrix, entered, memory, &rounded));
    LayerWeights one = reference;
    one.matrices[part.slot] = rounded;
    const FactorTrials tried = may_be_factored(reference, part.slot) ? job.factors : FactorTrials{};
    out->matrices.push_back({part.slot, matrix.rows, matrix.columns, runs.distance(compute, one),
                             storages_of(compute, matrix, entered, tried)});
  }
  return Status::ok();
}

namespace {

// The matrices with what each format takes and, by the costs, is expected to lose.
std::vector<MatrixChoices> choices_of(const AllotJob& job, const std::vector<LayerTrial>& trials,
                                      const std::vector<MatrixCost>& costs) {
  std::vector<MatrixChoices> matrices;
  for (uint32_t i = 0; i < trials.size(); ++i)
    for (const MatrixTrial& one : trials[i].matrices) {
      const double cost = costs[matrices.size()].cost;
      const std::string title = job.spec.prefix + ("layers." + std::to_string(i) + ".") + part_of(one.slot).name;
      MatrixChoices& matrix = matrices.emplace_back();
      matrix.name = job.name_of({job.spec.section, one.slot, i});
      matrix.title = title;
      matrix.layer = i;
      matrix.parameters = one.rows * one.columns;
      matrix.sensitivity = cost;
      matrix.choices = one.choices;
      for (FormatChoice& choice : matrix.choices) choice.cost *= cost;
    }
  return matrices;
}

}  // namespace

Status allot_bits(const Compute& compute, LayerRows* rows, const AllotJob& job,
                  std::map<std::string, MatrixChoices>* out, ExpectedLoss* expected) {
  std::vector<LayerTrial> trials(job.layers.size());
  std::vector<LayerRows::State> begin;
  for (size_t item = 0; item < rows->items(); ++item) begin.push_back(rows->state(item, Stream::reference));
  SensitivityRuns runs(rows);
  std::vector<double> influence;
  for (uint32_t i = 0; i < trials.size(); ++i) {
    MICA_TRY(job.step(i));
    OwnedBytes memory;
    LayerWeights reference = job.layers[i];
    MICA_TRY(transform_layer(job.stream, job.spec, i, &memory, &reference));
    MICA_TRY(try_layer(compute, rows, reference, i, job, &memory, &trials[i]));
    influence.push_back(trials[i].influence);
    if (job.how == Allocation::error) runs.pass(compute, reference, trials[i].rounded, i);
    trials[i].rounded = {};
    for (size_t item = 0; item < rows->items(); ++item)
      rows->run(compute, reference, i, item, Stream::reference, true);
  }
  std::vector<MatrixCost> costs;
  for (uint32_t i = 0; i < trials.size(); ++i)
    for (const MatrixTrial& one : trials[i].matrices) costs.push_back({i, one.slot, one.cost});
  if (job.how == Allocation::error) {
    fit_costs(runs.losses(job.logits, job.vocabulary), &costs);
    if (job.by_columns) weigh_by_depth(&costs);
  }
  for (size_t item = 0; item < rows->items(); ++item) rows->state(item, Stream::reference) = std::move(begin[item]);
  std::vector<MatrixChoices> matrices = choices_of(job, trials, costs);
  MICA_TRY(allocate(job.how, job.bits_mean, influence, &matrices));
  if (job.how == Allocation::error) *expected = expected_loss(matrices);
  for (MatrixChoices& matrix : matrices) out->emplace(matrix.name, std::move(matrix));
  return Status::ok();
}

}  // namespace mica
