// Who gets more bits: the choice by itself, on losses that are made up.
#include "raising.hpp"

#include <doctest/doctest.h>

using namespace mica;

namespace {

LinearReport matrix(const char* name, const char* point, WeightFormat format, double error, size_t rows = 64) {
  LinearReport report;
  report.name = name;
  report.point = point;
  report.format = format;
  report.rows = rows;
  report.columns = 64;
  report.bits = facts_of(format).bits;
  report.error = error;
  return report;
}

PointReport point(const char* name, float loss) {
  PointReport report;
  report.name = name;
  report.loss_text = loss;
  return report;
}

QuantizeReport made_up() {
  QuantizeReport report;
  report.points = {point("layers.0.down_in", 1e-2f), point("layers.1.down_in", 1e-5f),
                   point("vision.patches_in", 1e-4f), point("vision.layers.0.mlp_in", 1e-4f), point("head_in", 1e-4f)};
  report.layers = {matrix("layers.0.down", "layers.0.down_in", WeightFormat::u4, 1e-3),
                   matrix("layers.1.down", "layers.1.down_in", WeightFormat::u4, 1e-2),
                   matrix("vision.patches", "vision.patches_in", WeightFormat::s8, 0),
                   matrix("vision.layers.0.up", "vision.layers.0.mlp_in", WeightFormat::u4, 2e-4),
                   matrix("embedding", "head_in", WeightFormat::s8, 1e-5, 4096),
                   matrix("layers.2.down", "layers.2.down_in", WeightFormat::floats, 0)};
  return report;
}

const RaisePoint& of(const std::vector<RaisePoint>& points, const std::string& name) {
  for (const RaisePoint& one : points)
    if (one.name == name) return one;
  FAIL(name << " is not there");
  return points[0];
}

}  // namespace

TEST_CASE("what points lose: as measured, or their share of a tower; eight bits keep what rows lose") {
  const StaticLosses losses{
      .points = {{"layers.0.down_in", 0.2}, {"layers.1.down_in", 0.1}}, .towers = 0.04, .vocabulary = 0.01};
  const std::vector<RaisePoint> points = raise_points(made_up(), losses);
  REQUIRE(points.size() == 5);  // what has floats is none
  CHECK(of(points, "layers.0.down_in").levels[0].loss == 0.2);
  CHECK(of(points, "layers.0.down_in").levels[1].loss > 0.18);   // its rows are the cause
  CHECK(of(points, "layers.1.down_in").levels[1].loss == doctest::Approx(0.065).epsilon(0.01));  // its weights are
  CHECK(of(points, "layers.1.down_in").levels[1].format == WeightFormat::t4);
  CHECK(of(points, "layers.1.down_in").levels[2].loss < 0.001);
  CHECK(of(points, "vision.patches_in").levels[0].loss == doctest::Approx(0.01));
  CHECK(of(points, "vision.layers.0.mlp_in").levels[0].loss == doctest::Approx(0.03));
  CHECK(of(points, "head_in").levels[0].loss == 0.01);
  CHECK(of(points, "head_in").levels.size() == 2);  // eight bits it has
  for (const RaisePoint& one : points) {
    CHECK(one.levels.back().format == WeightFormat::floats);
    CHECK(one.levels.back().loss == 0);
    for (size_t i = 1; i < one.levels.size(); ++i) CHECK(one.levels[i].bits > one.levels[i - 1].bits);
  }
}

TEST_CASE("who is raised: nobody while little is lost, then what gains most a bit, in the end all") {
  const StaticLosses losses{
      .points = {{"layers.0.down_in", 0.2}, {"layers.1.down_in", 0.15}}, .towers = 0.04, .vocabulary = 0.01};
  std::vector<RaisePoint> points = raise_points(made_up(), losses);
  CHECK(choose_raises(0.41, &points));
  for (const RaisePoint& one : points) CHECK(one.chosen == 0);
  CHECK(choose_raises(0.3, &points));  // eight bits help layer 1, whose rows are well kept, and cost least
  CHECK(of(points, "layers.1.down_in").chosen == 2);
  CHECK(of(points, "layers.0.down_in").chosen < 2);
  CHECK(choose_raises(0.06, &points));
  CHECK(of(points, "layers.0.down_in").chosen == 3);
  CHECK(of(points, "head_in").chosen == 0);
  CHECK_FALSE(choose_raises(0, &points));
  CHECK(of(points, "head_in").chosen == 1);
  CHECK(choose_raises(1, &points));
  for (const RaisePoint& one : points) CHECK(one.chosen == 0);
}
