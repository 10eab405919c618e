// Raising: a greedy choice. Not quantization.
#include "raising.hpp"

#include <algorithm>
#include <map>

#include "allocation.hpp"
#include "quantize_once.hpp"

namespace mica {
namespace {

// The share of a matrix's output that rounding its weights to eight bits loses, as measured where they were.
constexpr double kEightBitLoss = 6e-5;
// Of what four bits lose, a table of levels with multipliers does.
constexpr double kLevelsLoss = 0.65;
constexpr double kFloatBits = 16;

// What is known of a point before it is known what it costs.
struct Known {
  std::vector<const LinearReport*> matrices;
  double rows = 0, weights = 0;  // the shares that rounding rows, and the weights of the worst of them, loses

  double lost() const { return rows + weights; }
  double bits(WeightFormat format) const {
    double sum = 0;
    for (const LinearReport* matrix : matrices) {
      const auto count = static_cast<double>(matrix->rows * matrix->columns);
      if (format == WeightFormat::floats) sum += kFloatBits * count;
      else sum += std::max(matrix->bits * count, packed_bits(format, matrix->rows, matrix->columns));
    }
    return sum;
  }
  WeightFormat fewest() const {
    return (*std::min_element(matrices.begin(), matrices.end(),
                              [](const LinearReport* a, const LinearReport* b) {
                                return facts_of(a->format).bits < facts_of(b->format).bits;
                              }))
        ->format;
  }
};

bool is_of_tower(const std::string& point) { return point.starts_with("vision.") || point.starts_with("frames."); }

std::map<std::string, Known> known_points(const QuantizeReport& report) {
  std::map<std::string, Known> points;
  for (const LinearReport& matrix : report.layers) {
    if (matrix.format == WeightFormat::floats) continue;
    Known& point = points[matrix.point];
    point.matrices.push_back(&matrix);
    point.weights = std::max(point.weights, matrix.error);
  }
  for (const PointReport& rows : report.points) {
    const auto found = points.find(rows.name);
    if (found != points.end()) found->second.rows = std::max({0.0f, rows.loss_visual, rows.loss_text});
  }
  return points;
}

RaisePoint raise_point(const std::string& name, const Known& known, double loss) {
  RaisePoint point{.name = name, .matrices = {}, .format = known.fewest(), .rows_lost = known.rows, .levels = {}};
  for (const LinearReport* matrix : known.matrices) point.matrices.push_back({matrix->name, matrix->format});
  double bits = 0;
  for (const LinearReport* matrix : known.matrices)
    bits += matrix->bits * static_cast<double>(matrix->rows * matrix->columns);
  point.levels.push_back({point.format, bits, loss});
  if (facts_of(point.format).bits < 8 && known.lost() > 0) {
    const auto add = [&](WeightFormat format, double weights_lost) {
      const double left = std::min(1.0, (known.rows + weights_lost) / known.lost());
      point.levels.push_back({format, known.bits(format), loss * left});
    };
    if (point.format == WeightFormat::u4) add(WeightFormat::t4, kLevelsLoss * known.weights);
    add(WeightFormat::s8, kEightBitLoss);
  }
  point.levels.push_back({WeightFormat::floats, known.bits(WeightFormat::floats), 0});
  return point;
}

}  // namespace

std::vector<RaisePoint> raise_points(const QuantizeReport& report, const StaticLosses& losses) {
  const std::map<std::string, Known> known = known_points(report);
  double of_towers = 0;
  for (const auto& [name, point] : known)
    if (is_of_tower(name)) of_towers += point.lost();
  std::vector<RaisePoint> points;
  for (const auto& [name, point] : known) {
    const auto found = losses.points.find(name);
    double loss = found != losses.points.end() ? found->second : 0;
    if (name == kHeadPoint) loss = losses.vocabulary;
    if (is_of_tower(name) && of_towers > 0) loss = losses.towers * point.lost() / of_towers;
    points.push_back(raise_point(name, point, loss));
  }
  return points;
}

bool choose_raises(double allowed, std::vector<RaisePoint>* points) {
  double lost = 0;
  for (RaisePoint& point : *points) {
    point.chosen = 0;
    lost += point.levels[0].loss;
  }
  while (lost > allowed) {
    RaisePoint* best = nullptr;
    size_t best_level = 0;
    double best_gain = -1;
    for (RaisePoint& point : *points) {
      const RaisePoint::Level& now = point.levels[point.chosen];
      for (size_t level = point.chosen + 1; level < point.levels.size(); ++level) {
        const RaisePoint::Level& more = point.levels[level];
        const double gain = (now.loss - more.loss) / std::max(1.0, more.bits - now.bits);
        if (gain <= best_gain) continue;
        best = &point;
        best_level = level;
        best_gain = gain;
      }
    }
    if (best == nullptr) break;
    lost -= best->levels[best->chosen].loss - best->levels[best_level].loss;
    best->chosen = best_level;
  }
  return std::any_of(points->begin(), points->end(),
                     [](const RaisePoint& point) { return point.chosen + 1 < point.levels.size(); });
}

}  // namespace mica
