// MatrixTrials: float layers with one matrix that is rounded to the nearest. Not GPTQ: its gain is read off its
// factors.
#include "matrix_trials.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "checked.hpp"
#include "own_bytes.hpp"
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

// The mean over rows of |a - b|^2 / |b|^2, and of the cosine of both.
struct RowComparison {
  double distance = 0, cosine = 0;
  size_t rows = 0;

  void add(const std::vector<float>& a, const std::vector<float>& b, size_t count) {
    const size_t width = b.size() / std::max<size_t>(1, count);
    for (size_t r = 0; r < count; ++r) {
      double difference = 0, of_a = 0, of_b = 0, both = 0;
      for (size_t i = r * width; i < (r + 1) * width; ++i) {
        difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
        of_a += static_cast<double>(a[i]) * a[i];
        of_b += static_cast<double>(b[i]) * b[i];
        both += static_cast<double>(a[i]) * b[i];
      }
      if (of_a == 0 || of_b == 0) continue;
      distance += difference / of_b;
      cosine += both / std::sqrt(of_a * of_b);
      ++rows;
    }
  }
  double mean_distance() const { return rows > 0 ? distance / static_cast<double>(rows) : 0; }
  double mean_cosine() const { return rows > 0 ? cosine / static_cast<double>(rows) : 1; }
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

// The matrix as the fewest bits have it, in float.
Status round_copy(const Compute& compute, const Matrix& matrix, OwnedBytes* memory, Matrix* out) {
  Matrix copy;
  MICA_TRY(copy_matrix(matrix, matrix.bias != nullptr, memory, &copy));
  const RoundedMatrix rounded =
      round_nearest(compute, float_row(matrix, 0), matrix.rows, matrix.columns, grid_of(kAllocated[0]));
  for (size_t r = 0; r < matrix.rows; ++r)
    for (size_t k = 0; k < matrix.columns; ++k) float_row(copy, r)[k] = rounded.weight(r, k);
  *out = copy;
  return Status::ok();
}

}  // namespace

Status try_layer(const Compute& compute, LayerRows* rows, const LayerWeights& reference, size_t index,
                 LayerTrial* out) {
  const std::vector<size_t> items = trial_items(*rows);
  std::vector<std::vector<float>> outputs;
  std::vector<LayerRows::State> before;
  MomentsOfPoints moments(compute);
  Compute observed = compute;
  observed.observer = &moments;
  // The quantized stream's rows are lent to the trials.
  const auto run = [&](const Compute& with, const LayerWeights& layer, size_t item) -> const std::vector<float>& {
    rows->state(item, Stream::quantized) = rows->state(item, Stream::reference);
    rows->run(with, layer, index, item, Stream::quantized, true);
    return rows->state(item, Stream::quantized).x;
  };
  RowComparison change;
  for (const size_t item : items) {
    before.push_back(rows->state(item, Stream::quantized));
    outputs.push_back(run(observed, reference, item));
    change.add(rows->state(item, Stream::reference).x, outputs.back(), rows->rows(item));
  }
  out->influence = 1 - change.mean_cosine();
  std::map<uint32_t, double> shares;
  for (const PartInfo& part : parts_of_layers()) {
    if (part.kind != PartKind::matrix || part.reads == Site::count) continue;
    const Matrix& matrix = reference.matrices[part.slot];
    if (matrix.rows == 0) continue;
    const QuantPoint& point = reference.points[part.reads];
    if (!shares.contains(point.index)) shares[point.index] = moments.share_left(point);
    OwnedBytes memory;
    LayerWeights layer = reference;
    MICA_TRY(round_copy(compute, matrix, &memory, &layer.matrices[part.slot]));
    RowComparison lost;
    for (size_t i = 0; i < items.size(); ++i)
      lost.add(run(compute, layer, items[i]), outputs[i], rows->rows(items[i]));
    MatrixTrial one{part.slot, matrix.rows, matrix.columns, error_ratios(compute, matrix)};
    for (double& cost : one.cost) cost *= lost.mean_distance() * shares[point.index];
    out->matrices.push_back(std::move(one));
  }
  for (size_t i = 0; i < items.size(); ++i) rows->state(items[i], Stream::quantized) = before[i];
  return Status::ok();
}

Status allot_bits(const Compute& compute, LayerRows* rows, const AllotJob& job,
                  std::map<std::string, MatrixChoices>* out) {
  std::vector<MatrixChoices> matrices;
  std::vector<LayerRows::State> begin;
  for (size_t item = 0; item < rows->items(); ++item) begin.push_back(rows->state(item, Stream::reference));
  std::vector<double> influence;
  for (uint32_t i = 0; i < job.weights.layers.size(); ++i) {
    MICA_TRY(job.step(i));
    OwnedBytes memory;
    LayerWeights reference = job.weights.layers[i];
    MICA_TRY(transform_layer(job.weights.stream, job.spec, i, &memory, &reference));
    LayerTrial trial;
    MICA_TRY(try_layer(compute, rows, reference, i, &trial));
    influence.push_back(trial.influence);
    for (const MatrixTrial& one : trial.matrices) {
      MatrixChoices choices{job.name_of({job.spec.section, one.slot, i}), i, one.rows * one.columns, {}, 0};
      for (size_t f = 0; f < std::size(kAllocated); ++f)
        choices.choices.push_back({kAllocated[f], packed_bits(kAllocated[f], one.rows, one.columns), one.cost[f]});
      matrices.push_back(std::move(choices));
    }
    for (size_t item = 0; item < rows->items(); ++item)
      rows->run(compute, reference, i, item, Stream::reference, true);
  }
  for (size_t item = 0; item < rows->items(); ++item) rows->state(item, Stream::reference) = std::move(begin[item]);
  MICA_TRY(allocate(job.how, job.bits_mean, influence, &matrices));
  for (MatrixChoices& matrix : matrices) out->emplace(matrix.name, std::move(matrix));
  return Status::ok();
}

}  // namespace mica
