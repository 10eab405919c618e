// Allocation: a Lagrange multiplier for the least cost, and what is left of the bits to whom they help most.
#include "allocation.hpp"

#include <algorithm>
#include <numeric>

#include "checked.hpp"
#include "matrix.hpp"

namespace mica {
namespace {

using Matrices = std::vector<MatrixChoices>;

double bits_of(const Matrices& matrices) {
  double bits = 0;
  for (const MatrixChoices& matrix : matrices) bits += matrix.choices[matrix.chosen].bits;
  return bits;
}

// Each matrix by itself, when a bit costs `price`.
void choose_at(double price, Matrices* matrices) {
  for (MatrixChoices& matrix : *matrices) {
    const auto worth = [&](const FormatChoice& choice) { return choice.cost + price * choice.bits; };
    const auto best = std::min_element(matrix.choices.begin(), matrix.choices.end(),
                                       [&](const auto& a, const auto& b) { return worth(a) < worth(b); });
    matrix.chosen = static_cast<size_t>(best - matrix.choices.begin());
  }
}

// Raises what gains most a bit, as long as there are bits for it.
void fill(double budget, Matrices* matrices) {
  double left = budget - bits_of(*matrices);
  while (true) {
    MatrixChoices* best = nullptr;
    size_t best_choice = 0;
    double best_gain = 0;
    for (MatrixChoices& matrix : *matrices) {
      const FormatChoice& now = matrix.choices[matrix.chosen];
      for (size_t i = matrix.chosen + 1; i < matrix.choices.size(); ++i) {
        const double more = matrix.choices[i].bits - now.bits;
        if (more > left) break;
        const double gain = (now.cost - matrix.choices[i].cost) / more;
        if (gain <= best_gain) continue;
        best_gain = gain;
        best = &matrix;
        best_choice = i;
      }
    }
    if (best == nullptr) return;
    left -= best->choices[best_choice].bits - best->choices[best->chosen].bits;
    best->chosen = best_choice;
  }
}

void allocate_by_error(double budget, Matrices* matrices) {
  constexpr int kSteps = 100;
  double cheap = 0, dear = 1e-30;
  for (choose_at(dear, matrices); bits_of(*matrices) > budget && dear < 1e30; choose_at(dear, matrices)) {
    cheap = dear;
    dear *= 2;
  }
  for (int step = 0; step < kSteps; ++step) {
    const double price = (cheap + dear) / 2;
    choose_at(price, matrices);
    (bits_of(*matrices) > budget ? cheap : dear) = price;
  }
  choose_at(dear, matrices);
  fill(budget, matrices);
}

// The most bits that all can have alike.
void choose_alike(double budget, Matrices* matrices) {
  size_t choices = SIZE_MAX;
  for (const MatrixChoices& matrix : *matrices) choices = std::min(choices, matrix.choices.size());
  for (size_t choice = 0; choice < choices; ++choice) {
    double bits = 0;
    for (const MatrixChoices& matrix : *matrices) bits += matrix.choices[choice].bits;
    if (choice > 0 && bits > budget) return;
    for (MatrixChoices& matrix : *matrices) matrix.chosen = choice;
  }
}

double bits_to_raise(const MatrixChoices& matrix) {
  return matrix.chosen + 1 < matrix.choices.size()
             ? matrix.choices[matrix.chosen + 1].bits - matrix.choices[matrix.chosen].bits
             : 0;
}

void allocate_evenly(double budget, Matrices* matrices) {
  choose_alike(budget, matrices);
  double left = budget - bits_of(*matrices), all = 0;
  for (const MatrixChoices& matrix : *matrices) all += bits_to_raise(matrix);
  const double share = all > 0 ? left / all : 0;
  double due = 0;
  for (MatrixChoices& matrix : *matrices) {
    const double more = bits_to_raise(matrix);
    due += share * more;
    if (more == 0 || due < more / 2 || more > left) continue;
    due -= more;
    left -= more;
    ++matrix.chosen;
  }
}

void allocate_by_influence(double budget, const std::vector<double>& influence, Matrices* matrices) {
  choose_alike(budget, matrices);
  double left = budget - bits_of(*matrices);
  std::vector<uint32_t> layers(influence.size());
  std::iota(layers.begin(), layers.end(), 0u);
  std::stable_sort(layers.begin(), layers.end(), [&](uint32_t a, uint32_t b) { return influence[a] > influence[b]; });
  for (const uint32_t layer : layers) {
    double more = 0;
    for (const MatrixChoices& matrix : *matrices)
      if (matrix.layer == layer) more += bits_to_raise(matrix);
    if (more > left) continue;
    left -= more;
    for (MatrixChoices& matrix : *matrices)
      if (matrix.layer == layer && bits_to_raise(matrix) > 0) ++matrix.chosen;
  }
}

}  // namespace

double packed_bits(WeightFormat format, size_t rows, size_t columns) {
  constexpr size_t kLine = 64;
  const size_t panels = panel_count(rows) * panel_bytes(format, columns);
  const size_t scales = round_up(rows, kLine / sizeof(float)) * sizeof(float);
  return 8.0 * static_cast<double>(panels + scales + (facts_of(format).levels > 0 ? kLine : 0));
}

Status allocate(Allocation how, double bits_mean, const std::vector<double>& influence, Matrices* matrices) {
  double parameters = 0, least = 0;
  for (const MatrixChoices& matrix : *matrices) {
    parameters += static_cast<double>(matrix.parameters);
    least += matrix.choices.front().bits;
  }
  const double budget = bits_mean * parameters;
  if (least > budget)
    return Status::error(Code::invalid_argument,
                         "%.3g bits on average: with its scales this model needs %.3f at least", bits_mean,
                         least / parameters + 0.0005);
  switch (how) {
    case Allocation::error: allocate_by_error(budget, matrices); break;
    case Allocation::influence: allocate_by_influence(budget, influence, matrices); break;
    case Allocation::uniform: allocate_evenly(budget, matrices); break;
  }
  return Status::ok();
}

namespace {

double cost_of(const Matrices& matrices) {
  double cost = 0;
  for (const MatrixChoices& matrix : matrices) cost += matrix.choices[matrix.chosen].cost;
  return cost;
}

std::vector<ExpectedLoss::At> loss_curve(Matrices matrices, double parameters) {
  constexpr double kStep = 0.25;
  double least = 0, most = 0;
  for (const MatrixChoices& matrix : matrices) {
    least += matrix.choices.front().bits;
    most += matrix.choices.back().bits;
  }
  std::vector<ExpectedLoss::At> curve;
  for (double budget = least; budget < most + kStep * parameters; budget += kStep * parameters) {
    allocate_by_error(budget, &matrices);
    const double bits = bits_of(matrices) / parameters;
    if (curve.empty() || bits > curve.back().bits) curve.push_back({bits, cost_of(matrices)});
  }
  return curve;
}

std::vector<ExpectedLoss::Raise> best_raises(const Matrices& matrices, double parameters) {
  constexpr size_t kTold = 3;
  std::vector<ExpectedLoss::Raise> raises;
  for (const MatrixChoices& matrix : matrices) {
    const FormatChoice& now = matrix.choices[matrix.chosen];
    const FormatChoice& most = matrix.choices.back();
    if (most.cost < now.cost)
      raises.push_back({matrix.title, most.format, (most.bits - now.bits) / parameters, now.cost - most.cost});
  }
  const auto end = raises.begin() + static_cast<std::ptrdiff_t>(std::min(kTold, raises.size()));
  std::partial_sort(raises.begin(), end, raises.end(),
                    [](const auto& a, const auto& b) { return a.loss_less > b.loss_less; });
  raises.erase(end, raises.end());
  return raises;
}

}  // namespace

ExpectedLoss expected_loss(const Matrices& matrices) {
  double parameters = 0;
  for (const MatrixChoices& matrix : matrices) parameters += static_cast<double>(matrix.parameters);
  return {cost_of(matrices), loss_curve(matrices, parameters), best_raises(matrices, parameters)};
}

}  // namespace mica
