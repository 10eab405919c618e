// MatrixTrials: float layers with one matrix that is rounded to the nearest. Not GPTQ: its gain is read off its
// factors.
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
  // The share of the error of rounding to the nearest that rounding by columns leaves; all of it where it cannot be
  // known.
  double share_left(const QuantPoint& point) {
    const auto found = moments_.find(point.index);
    if (found == moments_.end() || found->second.rows() == 0) return 1;
    found->second.finish(compute_);
    ColumnRounder rounder;
    return rounder.factor(found->second) ? rounder.share_left() : 1;
  }

 private:
  Compute compute_;
  std::map<uint32_t, RowMoments> moments_;
  Status status_ = Status::ok();
};

// The squared error that rounding some rows of a matrix to each format leaves, over that of the first format.
std::vector<double> error_ratios(const Compute& compute, const Matrix& matrix) {
  const size_t rows = std::min(kComparedRows, matrix.rows), columns = matrix.columns;
  std::vector<float> weights(rows * columns);
  for (size_t r = 0; r < rows; ++r)
    std::copy_n(float_row(matrix, r * matrix.rows / rows), columns, weights.data() + r * columns);
  std::vector<double> errors;
  for (const WeightFormat format : kAllocated) {
    const RoundedMatrix rounded = round_nearest(compute, weights.data(), rows, columns, grid_of(format));
    double error = 0;
    for (size_t k = 0; k < weights.size(); ++k) {
      const double difference = weights[k] - rounded.weight(k / columns, k % columns);
      error += difference * difference;
    }
    errors.push_back(error);
  }
  for (double& error : errors) error = errors[0] > 0 && &error != errors.data() ? error / errors[0] : error;
  if (!errors.empty()) errors[0] = 1;
  return errors;
}

// The matrix as the fewest bits have it, in float. Rounding by columns leaves a share of the error of rounding to the
// nearest, so a matrix is moved as far as that error has it.
Status round_copy(const Compute& compute, const Matrix& matrix, double share_left, OwnedBytes* memory, Matrix* out) {
  Matrix copy;
  MICA_TRY(copy_matrix(matrix, matrix.bias != nullptr, memory, &copy));
  const RoundedMatrix rounded =
      round_nearest(compute, float_row(matrix, 0), matrix.rows, matrix.columns, grid_of(kAllocated[0]));
  const auto way = static_cast<float>(std::sqrt(share_left));
  for (size_t r = 0; r < matrix.rows; ++r)
    for (size_t k = 0; k < matrix.columns; ++k) {
      float& weight = float_row(copy, r)[k];
      weight += way * (rounded.weight(r, k) - weight);
    }
  *out = copy;
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
                 OwnedBytes* memory, LayerTrial* out) {
  LayerRuns runs(rows, index);
  MomentsOfPoints moments(compute);
  Compute observed = compute;
  observed.observer = &moments;
  out->influence = runs.run_reference(observed, reference);
  out->rounded = reference;
  std::map<uint32_t, double> shares;
  for (const PartInfo& part : parts_of_layers()) {
    if (!is_tried(part, reference)) continue;
    const Matrix& matrix = reference.matrices[part.slot];
    const QuantPoint& point = reference.points[part.reads];
    if (!shares.contains(point.index)) shares[point.index] = moments.share_left(point);
    Matrix& rounded = out->rounded.matrices[part.slot];
    MICA_TRY(round_copy(compute, matrix, shares[point.index], memory, &rounded));
    LayerWeights one = reference;
    one.matrices[part.slot] = rounded;
    out->matrices.push_back({part.slot, matrix.rows, matrix.columns, runs.distance(compute, one),
                             error_ratios(compute, matrix)});
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
      for (size_t f = 0; f < std::size(kAllocated); ++f)
        matrix.choices.push_back(
            {kAllocated[f], packed_bits(kAllocated[f], one.rows, one.columns), cost * one.ratios[f]});
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
    MICA_TRY(try_layer(compute, rows, reference, i, &memory, &trials[i]));
    influence.push_back(trials[i].influence);
    if (job.how == Allocation::error) runs.pass(compute, reference, trials[i].rounded, i);
    trials[i].rounded = {};
    for (size_t item = 0; item < rows->items(); ++item)
      rows->run(compute, reference, i, item, Stream::reference, true);
  }
  std::vector<MatrixCost> costs;
  for (uint32_t i = 0; i < trials.size(); ++i)
    for (const MatrixTrial& one : trials[i].matrices) costs.push_back({i, one.slot, one.cost});
  if (job.how == Allocation::error) fit_costs(runs.losses(job.logits, job.vocabulary), &costs);
  for (size_t item = 0; item < rows->items(); ++item) rows->state(item, Stream::reference) = std::move(begin[item]);
  std::vector<MatrixChoices> matrices = choices_of(job, trials, costs);
  MICA_TRY(allocate(job.how, job.bits_mean, influence, &matrices));
  if (job.how == Allocation::error) *expected = expected_loss(matrices);
  for (MatrixChoices& matrix : matrices) out->emplace(matrix.name, std::move(matrix));
  return Status::ok();
}

}  // namespace mica
