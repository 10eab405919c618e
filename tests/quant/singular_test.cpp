// GPTQ where its matrix is singular: fewer rows than columns, dead channels, and values that no float can square.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "kernel_choice.hpp"
#include "rounding.hpp"

using namespace mica;

namespace {

constexpr size_t kWidth = 64, kRows = 8;

Compute one_thread() { return {.kernels = &definition_kernels()}; }

std::vector<float> wave(size_t count, float amplitude) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = amplitude * std::sin(static_cast<float>(i * i % 97) + 0.3f);
  return values;
}

// The moments of `count` rows, the reference equal to them.
bool factor_of(const std::vector<float>& rows, RowMoments* moments, ColumnRounder* rounder) {
  const Compute compute = one_thread();
  REQUIRE(moments->create(kWidth));
  if (!rows.empty()) moments->add(compute, rows.data(), rows.data(), rows.size() / kWidth);
  moments->finish(compute);
  return rounder->factor(*moments);
}

void check_rounds(const ColumnRounder& rounder) {
  const RoundedMatrix rounded =
      rounder.round(one_thread(), wave(kRows * kWidth, 0.1f).data(), kRows, grid_of(WeightFormat::u4));
  for (float scale : rounded.scale) CHECK(std::isfinite(scale));
  CHECK(std::isfinite(rounded.error));
  CHECK(rounded.error <= 0.1 * rounded.energy + 1e-12);
}

}  // namespace

TEST_CASE("one row, and no row at all, still give a rounding") {
  for (size_t count : {size_t{0}, size_t{1}, size_t{5}}) {
    CAPTURE(count);
    RowMoments moments;
    ColumnRounder rounder;
    REQUIRE(factor_of(wave(count * kWidth, 2), &moments, &rounder));
    check_rounds(rounder);
  }
}

TEST_CASE("dead channels, and channels that are all the same") {
  std::vector<float> rows = wave(200 * kWidth, 1);
  for (size_t row = 0; row < 200; ++row)
    for (size_t channel = 0; channel < kWidth; channel += 2)
      rows[row * kWidth + channel] = channel < 32 ? 0.0f : rows[row * kWidth + 33];
  RowMoments moments;
  ColumnRounder rounder;
  REQUIRE(factor_of(rows, &moments, &rounder));
  check_rounds(rounder);
}

TEST_CASE("moments beyond floats cannot be factored: that is said, and rounding to the nearest is left") {
  RowMoments moments;
  ColumnRounder rounder;
  CHECK_FALSE(factor_of(wave(4 * kWidth, 1e30f), &moments, &rounder));
}
