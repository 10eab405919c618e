// Allocation by itself: budgets, and what each rule does with them. Not what a format costs: rounding_test.cpp.
#include "allocation.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "matrix.hpp"
#include "sensitivity.hpp"

using namespace mica;

namespace {

constexpr AllocatedFormats kAllocated = allocated_formats(WeightFormat::p2);
constexpr size_t kRows = 64, kColumns = 512;

// Two matrices in each of three layers; `cost` of the fewest bits, which every step quarters.
std::vector<MatrixChoices> matrices_of(const std::vector<double>& cost) {
  std::vector<MatrixChoices> matrices;
  for (size_t i = 0; i < cost.size(); ++i) {
    const std::string name = std::to_string(i);
    MatrixChoices one{name, "m" + name, static_cast<uint32_t>(i / 2), kRows * kColumns, {}, 0};
    double here = cost[i];
    for (const WeightFormat format : kAllocated) {
      one.choices.push_back({format, packed_bits(format, kRows, kColumns), here});
      here /= 4;
    }
    matrices.push_back(one);
  }
  return matrices;
}

double mean_bits(const std::vector<MatrixChoices>& matrices) {
  double bits = 0;
  for (const MatrixChoices& matrix : matrices) bits += matrix.choices[matrix.chosen].bits;
  return bits / static_cast<double>(matrices.size() * kRows * kColumns);
}

double cost_of(const std::vector<MatrixChoices>& matrices) {
  double cost = 0;
  for (const MatrixChoices& matrix : matrices) cost += matrix.choices[matrix.chosen].cost;
  return cost;
}

const std::vector<double> kCosts = {1, 50, 2, 3, 1, 20};
const std::vector<double> kInfluence = {0.1, 0.9, 0.5};

}  // namespace

TEST_CASE("no rule takes more bits than there are, and error wastes the least") {
  for (const double bits : {2.2, 2.5, 3.0, 3.7, 4.5, 7.0, 9.0}) {
    CAPTURE(bits);
    double costs[3];
    for (const Allocation how : {Allocation::error, Allocation::influence, Allocation::uniform}) {
      std::vector<MatrixChoices> matrices = matrices_of(kCosts);
      REQUIRE(allocate(how, bits, kInfluence, &matrices));
      CHECK(mean_bits(matrices) <= bits + 1e-9);
      costs[static_cast<size_t>(how)] = cost_of(matrices);
    }
    CHECK(costs[0] <= costs[1]);
    CHECK(costs[0] <= costs[2]);
  }
}

TEST_CASE("error gives bits to what costs most, influence to whole layers") {
  std::vector<MatrixChoices> matrices = matrices_of(kCosts);
  REQUIRE(allocate(Allocation::error, 2.6, kInfluence, &matrices));
  CHECK(matrices[1].chosen > matrices[0].chosen);
  matrices = matrices_of(kCosts);
  REQUIRE(allocate(Allocation::influence, 2.6, kInfluence, &matrices));
  CHECK(matrices[2].chosen == 1);
  CHECK(matrices[3].chosen == 1);
  CHECK(matrices[0].chosen == 0);
  matrices = matrices_of(kCosts);
  REQUIRE(allocate(Allocation::uniform, 9.0, kInfluence, &matrices));
  for (const MatrixChoices& matrix : matrices) CHECK(matrix.chosen == std::size(kAllocated) - 1);
}

TEST_CASE("two factors are one more choice, taken where they cost least") {
  std::vector<MatrixChoices> matrices = matrices_of(kCosts);
  for (MatrixChoices& matrix : matrices)
    matrix.choices.insert(matrix.choices.begin() + 1,
                          {WeightFormat::p2, 1.1 * matrix.choices[0].bits, 1000.0, 16, WeightFormat::t4});
  matrices[3].choices[1].cost = 0.01;  // nearly nothing, for few bits more than the fewest
  REQUIRE(allocate(Allocation::error, 3.0, kInfluence, &matrices));
  CHECK(mean_bits(matrices) <= 3.0 + 1e-9);
  for (size_t i = 0; i < matrices.size(); ++i)
    CHECK((matrices[i].choices[matrices[i].chosen].rank == 16) == (i == 3));
}

TEST_CASE("fewer bits than the smallest format has are refused") {
  std::vector<MatrixChoices> matrices = matrices_of(kCosts);
  const Status status = allocate(Allocation::error, 2.0, kInfluence, &matrices);
  CHECK(status.code() == Code::invalid_argument);
}

TEST_CASE("a matrix takes the bits of its panels, scales and table") {
  CHECK(packed_bits(WeightFormat::u4, 32, 64) == 8.0 * (2 * 64 * 16 / 2 + 32 * 4));
  CHECK(packed_bits(WeightFormat::p2, 32, 64) == 8.0 * (2 * 64 * 16 / 4 + 32 * 4 + 64));
  CHECK(packed_bits(WeightFormat::t4, 32, 64) == 8.0 * (2 * (64 * 16 / 2 + 64) + 32 * 4 + 64));
}

TEST_CASE("costs come to what layers and kinds lost, in the proportions that they have") {
  // Of two kinds in two layers; what was lost is what layers with factors 1 and 3, kinds with 2 and 5 lose.
  std::vector<MatrixCost> costs = {{0, Slot::value, 1}, {0, Slot::up, 2}, {1, Slot::value, 3}, {1, Slot::up, 4}};
  const double expected[] = {2, 10, 18, 60};
  const Losses losses{{2 + 10, 18 + 60}, {{Slot::value, 2 + 18}, {Slot::up, 10 + 60}}};
  fit_costs(losses, &costs);
  for (size_t i = 0; i < costs.size(); ++i) CHECK(costs[i].cost == doctest::Approx(expected[i]).epsilon(1e-3));
  // What is not known leaves costs as they are.
  std::vector<MatrixCost> same = {{0, Slot::value, 1}, {1, Slot::up, 2}};
  fit_costs({{0, HUGE_VAL}, {}}, &same);
  CHECK(same[0].cost == 1);
  CHECK(same[1].cost == 2);
}

TEST_CASE("of two alike the later costs more, and all cost together what they did") {
  std::vector<MatrixCost> costs;
  for (const uint32_t layer : {0u, 1u, 2u, 3u}) {
    costs.push_back({layer, Slot::value, 2});
    costs.push_back({layer, Slot::down, 1});
  }
  weigh_by_depth(&costs);
  double sum = 0;
  for (size_t i = 0; i < costs.size(); ++i) {
    sum += costs[i].cost;
    if (i >= 2) CHECK(costs[i].cost > 1.1 * costs[i - 2].cost);
    if (i % 2 == 1) CHECK(costs[i - 1].cost == doctest::Approx(2 * costs[i].cost));
  }
  CHECK(sum == doctest::Approx(12));
}

TEST_CASE("the expected loss falls with bits, and the worst matrix is named") {
  std::vector<MatrixChoices> matrices = matrices_of(kCosts);
  const ExpectedLoss expected = expected_loss(matrices);
  CHECK(expected.loss == doctest::Approx(cost_of(matrices)));
  REQUIRE(expected.curve.size() > 10);
  for (size_t i = 1; i < expected.curve.size(); ++i) {
    CHECK(expected.curve[i].bits > expected.curve[i - 1].bits);
    CHECK(expected.curve[i].loss < expected.curve[i - 1].loss);
  }
  REQUIRE(expected.raises.size() == 3);
  CHECK(expected.raises[0].title == "m1");
  CHECK(expected.raises[0].loss_less > expected.raises[1].loss_less);
  CHECK(expected.raises[0].bits_more == doctest::Approx(1.0).epsilon(0.2));
}
