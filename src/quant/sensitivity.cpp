// Sensitivity: runs that differ from the float model in one layer or in one kind of matrix. Not how they are rounded:
// matrix_trials.cpp.
#include "sensitivity.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "checked.hpp"
#include "row_comparison.hpp"

namespace mica {
namespace {

// Items that are run, evenly spread, have so many rows together, and are so many at least: what layers and kinds lose
// differs by far more than texts do, but a few rows of short questions say nothing.
constexpr size_t kRows = 1536, kItemsLeast = 3;
// Rows of an item whose probabilities are compared, evenly spread over its text: neighbours tell the same.
constexpr size_t kComparedRows = 128;
constexpr int kFittingSteps = 30;
// Of a first layer's cost, what all others leave. With a third to a half, costs tell best what nine files of
// SmolLM2-135M lost, of 2.05 to 4.5 bits and by three rules of allocation.
constexpr double kLeftByAll = 0.45;

std::vector<uint32_t> compared_rows(size_t first, size_t count) {
  const size_t begin = first < count ? first : 0, all = count - begin, taken = std::min(kComparedRows, all);
  std::vector<uint32_t> rows;
  for (size_t i = 0; i < taken; ++i) rows.push_back(static_cast<uint32_t>(begin + (i + 1) * all / taken - 1));
  return rows;
}

double log_sum(const float* logits, size_t count) {
  const float largest = *std::max_element(logits, logits + count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += std::exp(logits[i] - largest);
  return largest + std::log(sum);
}

// sum of p (log p - log q).
double divergence(const float* p, const float* q, size_t count) {
  const double p_sum = log_sum(p, count), q_sum = log_sum(q, count);
  double lost = 0;
  for (size_t i = 0; i < count; ++i) {
    const double log_p = p[i] - p_sum;
    lost += std::exp(static_cast<float>(log_p)) * (log_p - (q[i] - q_sum));
  }
  return std::max(lost, 0.0);
}

// Scales the costs of each group so that their sum is what the group lost.
template <class Group, class Lost>
void fit_groups(const std::map<Group, Lost>& lost, const auto& group_of, std::vector<MatrixCost>* costs) {
  std::map<Group, double> sums;
  for (const MatrixCost& cost : *costs) sums[group_of(cost)] += cost.cost;
  for (MatrixCost& cost : *costs) {
    const auto found = lost.find(group_of(cost));
    const double sum = sums[group_of(cost)];
    if (found != lost.end() && found->second > 0 && std::isfinite(found->second) && sum > 0)
      cost.cost *= found->second / sum;
  }
}

}  // namespace

void fit_costs(const Losses& losses, std::vector<MatrixCost>* costs) {
  std::map<uint32_t, double> layers;
  for (const double lost : losses.layers) layers.emplace(static_cast<uint32_t>(layers.size()), lost);
  for (int step = 0; step < kFittingSteps; ++step) {
    fit_groups(losses.kinds, [](const MatrixCost& cost) { return cost.kind; }, costs);
    fit_groups(layers, [](const MatrixCost& cost) { return cost.layer; }, costs);
  }
}

void weigh_by_depth(std::vector<MatrixCost>* costs) {
  uint32_t last = 0;
  double before = 0, after = 0;
  for (const MatrixCost& cost : *costs) last = std::max(last, cost.layer);
  for (MatrixCost& cost : *costs) {
    before += cost.cost;
    cost.cost *= std::pow(kLeftByAll, static_cast<double>(last - cost.layer) / (last + 1));
    after += cost.cost;
  }
  for (MatrixCost& cost : *costs) cost.cost *= after > 0 ? before / after : 1;
}

SensitivityRuns::SensitivityRuns(LayerRows* rows) : rows_(rows) {
  size_t all = 0;
  for (size_t item = 0; item < rows->items(); ++item) all += rows->rows(item);
  const size_t wanted = std::max(kItemsLeast, ceil_div(kRows * rows->items(), std::max<size_t>(all, 1)));
  const size_t count = std::min(wanted, rows->items());
  for (size_t i = 0; i < count; ++i) items_.push_back(i * rows->items() / count);
}

SensitivityRuns::States SensitivityRuns::reference_states() const {
  States states;
  for (const size_t item : items_) states.push_back(rows_->state(item, Stream::reference));
  return states;
}

void SensitivityRuns::run(const Compute& compute, const LayerWeights& layer, size_t index, States* states) {
  for (size_t i = 0; i < items_.size(); ++i) {
    LayerRows::State& lent = rows_->state(items_[i], Stream::quantized);
    std::swap(lent, (*states)[i]);
    rows_->run(compute, layer, index, items_[i], Stream::quantized, true);
    std::swap(lent, (*states)[i]);
  }
}

void SensitivityRuns::pass(const Compute& compute, const LayerWeights& reference, const LayerWeights& rounded,
                           uint32_t layer) {
  for (States& states : layers_) run(compute, reference, layer, &states);
  layers_.push_back(reference_states());
  run(compute, rounded, layer, &layers_.back());
  for (const PartInfo& part : parts_of_layers())
    if (part.kind == PartKind::matrix && part.reads != Site::count && reference.matrices[part.slot].rows != 0 &&
        !kinds_.contains(part.slot))
      kinds_[part.slot] = reference_states();
  for (auto& [slot, states] : kinds_) {
    LayerWeights one = reference;
    one.matrices[slot] = rounded.matrices[slot];
    run(compute, one, layer, &states);
  }
}

Losses SensitivityRuns::losses(const LogitsOfRows& logits, size_t vocabulary) const {
  Losses out;
  out.layers.resize(layers_.size());
  for (size_t i = 0; i < items_.size(); ++i) {
    const size_t item = items_[i];
    const std::vector<float>& reference = rows_->state(item, Stream::reference).x;
    const std::vector<uint32_t> rows = compared_rows(rows_->visual(item), rows_->rows(item));
    std::vector<float> expected(logits ? rows.size() * vocabulary : 0), given(expected.size());
    if (logits) logits(reference, rows, expected.data());
    const auto lost = [&](const States& states) {
      if (!logits) {
        RowComparison rows_lost;
        rows_lost.add(states[i].x, reference, rows_->rows(item));
        return rows_lost.mean_distance();
      }
      logits(states[i].x, rows, given.data());
      double sum = 0;
      for (size_t at = 0; at < given.size(); at += vocabulary)
        sum += divergence(expected.data() + at, given.data() + at, vocabulary);
      return sum / static_cast<double>(rows.size());
    };
    const auto share = 1 / static_cast<double>(items_.size());
    for (size_t layer = 0; layer < layers_.size(); ++layer) out.layers[layer] += share * lost(layers_[layer]);
    for (const auto& [slot, states] : kinds_) out.kinds[slot] += share * lost(states);
  }
  return out;
}

}  // namespace mica
