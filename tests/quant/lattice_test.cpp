// The vectors of E8P by themselves: which there are, how they are packed, and which is nearest. Not rounding by columns.
#include "lattice.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <set>

#include "kernel_choice.hpp"
#include "matrix.hpp"
#include "normal_values.hpp"

using namespace mica;
using mica::test::normal;

namespace {

using Vector = std::array<int8_t, kLatticeColumns>;

// All there are, as a panel with every code says.
std::vector<Vector> all_vectors() {
  constexpr size_t kCodes = 65536, kRows = 16, kColumns = kCodes / kRows * kLatticeColumns;
  const size_t stride = panel_bytes(WeightFormat::e8p, kColumns);
  std::vector<uint8_t> storage(stride + 64);
  uint8_t* panel = storage.data() + (64 - reinterpret_cast<uintptr_t>(storage.data()) % 64) % 64;
  // Of eight channels 16 patterns, then 16 bytes of signs.
  for (size_t i = 0; i < kCodes; ++i) {
    panel[i / 16 * 32 + i % 16] = static_cast<uint8_t>(i);
    panel[i / 16 * 32 + 16 + i % 16] = static_cast<uint8_t>(i >> 8);
  }
  const std::vector<float> scale(kRows, 1.0f);
  Matrix matrix;
  matrix.rows = kRows;
  matrix.columns = kColumns;
  matrix.format = WeightFormat::e8p;
  matrix.data = panel;
  matrix.stride_bytes = stride;
  matrix.scale = scale.data();
  std::vector<float> row(kColumns);
  std::vector<Vector> vectors;
  for (size_t r = 0; r < kRows; ++r) {
    widen_matrix_row(*find_kernels(nullptr), matrix, r, row.data());
    for (size_t k = 0; k < kColumns; k += kLatticeColumns) {
      Vector& vector = vectors.emplace_back();
      for (size_t i = 0; i < kLatticeColumns; ++i) vector[i] = static_cast<int8_t>(row[k + i]);
    }
  }
  return vectors;
}

float distance(const float* values, const Vector& vector) {
  float sum = 0;
  for (size_t i = 0; i < kLatticeColumns; ++i) sum += (values[i] - vector[i]) * (values[i] - vector[i]);
  return sum;
}

}  // namespace

TEST_CASE("every code is a vector of E8 + 1/4, and each vector has one code") {
  const std::vector<Vector> vectors = all_vectors();
  CHECK(std::set<Vector>(vectors.begin(), vectors.end()).size() == 65536);
  size_t far = 0;
  for (const Vector& vector : vectors) {
    const int shift = (vector[0] & 3) == 3 ? 1 : -1;
    int sum = 0, squares = 0;
    for (const int value : vector) {
      REQUIRE((value - shift) % 4 != 0);  // twice an odd number
      REQUIRE((value - shift) % 2 == 0);
      sum += (value - shift) / 2;
      squares += (value - shift) * (value - shift) / 4;
    }
    REQUIRE(sum % 4 == 0);
    REQUIRE(squares <= 48);
    far += squares == 48;
  }
  CHECK(far == 29 * 256);
}

TEST_CASE("the nearest vector is the one that looking at all of them finds") {
  const std::vector<Vector> vectors = all_vectors();
  for (const float size : {2.0f, 4.0f, 7.0f}) {
    std::vector<float> values = normal(40 * kLatticeColumns, 5);
    for (float& value : values) value *= size;
    for (size_t at = 0; at < values.size(); at += kLatticeColumns) {
      float codes[kLatticeColumns], least = INFINITY;
      const float said = nearest_vector(values.data() + at, codes);
      for (const Vector& vector : vectors) least = std::min(least, distance(values.data() + at, vector));
      Vector found;
      for (size_t i = 0; i < kLatticeColumns; ++i) found[i] = static_cast<int8_t>(codes[i]);
      CHECK(std::find(vectors.begin(), vectors.end(), found) != vectors.end());
      CHECK(distance(values.data() + at, found) == doctest::Approx(least).epsilon(1e-4).scale(1));
      CHECK(said == doctest::Approx(least).epsilon(1e-3).scale(1));
    }
  }
}

TEST_CASE("where errors of columns go together, what they cost together is made less") {
  const std::vector<float> mix = normal(kLatticeColumns * kLatticeColumns, 8);
  float form[kLatticeColumns * kLatticeColumns] = {};
  for (size_t a = 0; a < kLatticeColumns; ++a)
    for (size_t b = 0; b < kLatticeColumns; ++b)
      for (size_t k = 0; k < kLatticeColumns; ++k)
        form[a * kLatticeColumns + b] += mix[a * kLatticeColumns + k] * mix[b * kLatticeColumns + k];
  LatticeMetric metric;
  metric.make(form);
  std::vector<float> values = normal(300 * kLatticeColumns, 9);
  double plain = 0, better = 0;
  for (size_t at = 0; at < values.size(); at += kLatticeColumns) {
    float codes[kLatticeColumns];
    for (size_t i = 0; i < kLatticeColumns; ++i) values[at + i] /= kLatticeScale;
    nearest_vector(values.data() + at, codes);
    plain += metric.distance(values.data() + at, codes);
    const float said = metric.nearest(values.data() + at, codes);
    CHECK(said == doctest::Approx(metric.distance(values.data() + at, codes)));
    better += said;
  }
  CHECK(better < 0.9 * plain);
}

TEST_CASE("values that are not finite have a vector all the same") {
  float values[kLatticeColumns] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 0, 1, 2}, codes[kLatticeColumns];
  nearest_vector(values, codes);
  for (const float code : codes) CHECK(std::fabs(code) <= 11);
}
