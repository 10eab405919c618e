// The pieces of quantization by themselves: moments of rows, rounding by columns, massive activations, the head's
// balance.
#include "rounding.hpp"
#include "row_ranges.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "balance.hpp"
#include "enter.hpp"
#include "linear.hpp"
#include "massive_rows.hpp"
#include "kernel_choice.hpp"
#include "normal_values.hpp"

using namespace mica;
using mica::test::normal;

namespace {

constexpr Grid kFourBits = grid_of(WeightFormat::u4), kEightBits = grid_of(WeightFormat::s8);

Compute compute_of(uint32_t threads) {
  static ThreadPool two(2), three(3);
  Compute compute;
  compute.kernels = find_kernels(nullptr);
  compute.pool = threads == 1 ? nullptr : threads == 2 ? &two : &three;
  return compute;
}

// Rows that lie near a space of fewer dimensions, as activations do.
std::vector<float> correlated_rows(size_t count, size_t width, uint32_t seed) {
  const size_t rank = width / 4;
  const std::vector<float> basis = normal(rank * width, seed);
  const std::vector<float> mix = normal(count * rank, seed + 1);
  std::vector<float> rows = normal(count * width, seed + 2);
  for (size_t r = 0; r < count; ++r)
    for (size_t i = 0; i < width; ++i) {
      float sum = 0.1f * rows[r * width + i];
      for (size_t k = 0; k < rank; ++k) sum += mix[r * rank + k] * basis[k * width + i];
      rows[r * width + i] = sum;
    }
  return rows;
}

RowMoments moments_of(const std::vector<float>& rows, const std::vector<float>& reference, size_t width) {
  RowMoments moments;
  REQUIRE(moments.create(width));
  moments.add(compute_of(2), rows.data(), reference.data(), rows.size() / width);
  moments.finish(compute_of(2));
  return moments;
}

// |W Y^T - Q X^T|^2, in double.
double output_error(const std::vector<float>& weights, const RoundedMatrix& rounded, const std::vector<float>& rows,
                    const std::vector<float>& reference) {
  const size_t width = rounded.columns;
  double error = 0;
  for (size_t r = 0; r < rows.size() / width; ++r)
    for (size_t c = 0; c < rounded.rows; ++c) {
      double difference = 0;
      for (size_t i = 0; i < width; ++i)
        difference += static_cast<double>(weights[c * width + i]) * reference[r * width + i] -
                      static_cast<double>(rounded.weight(c, i)) * rows[r * width + i];
      error += difference * difference;
    }
  return error;
}

}  // namespace

TEST_CASE("moments are sums over all rows, however they come") {
  const size_t width = 70, count = 1100;  // neither whole tiles nor whole slabs
  const std::vector<float> rows = normal(count * width, 1), reference = normal(count * width, 2);
  const RowMoments whole = moments_of(rows, reference, width);
  RowMoments pieces;
  REQUIRE(pieces.create(width));
  for (size_t first = 0; first < count; first += 300)
    pieces.add(compute_of(1), rows.data() + first * width, reference.data() + first * width,
               std::min<size_t>(300, count - first));
  pieces.finish(compute_of(1));
  for (size_t i = 0; i < width; i += 7)
    for (size_t j = 0; j < width; j += 3) {
      double second = 0, drift = 0;
      for (size_t r = 0; r < count; ++r) {
        second += static_cast<double>(rows[r * width + i]) * rows[r * width + j];
        drift += static_cast<double>(rows[r * width + i]) *
                 (static_cast<double>(reference[r * width + j]) - rows[r * width + j]);
      }
      CHECK(whole.second()[i * width + j] == doctest::Approx(second).epsilon(1e-4).scale(count));
      CHECK(whole.drift()[i * width + j] == doctest::Approx(drift).epsilon(1e-4).scale(count));
      CHECK(pieces.second()[i * width + j] == whole.second()[i * width + j]);
    }
}

TEST_CASE("rounding by columns beats rounding to the nearest on correlated rows") {
  const size_t width = 200, rows = 24;  // blocks of columns, and a rest
  const std::vector<float> x = correlated_rows(600, width, 3);
  const std::vector<float> weights = normal(rows * width, 9);
  const RowMoments moments = moments_of(x, x, width);
  for (size_t i = 1; i < std::size(kWeightFormats); ++i) {
    const auto format = static_cast<WeightFormat>(i);
    CAPTURE(facts_of(format).tag);
    const Grid grid = grid_of(format);
    ColumnRounder rounder;
    REQUIRE(rounder.factor(moments, grid.together));
    const RoundedMatrix by_columns = rounder.round(compute_of(2), weights.data(), rows, grid);
    const RoundedMatrix nearest = round_nearest(compute_of(1), weights.data(), rows, width, grid);
    const double error = output_error(weights, by_columns, x, x);
    CHECK(error < 0.5 * output_error(weights, nearest, x, x));
    CHECK(by_columns.error == doctest::Approx(error).epsilon(0.05));
    for (const int8_t code : by_columns.codes) REQUIRE((code >= grid.low && code <= grid.high));
    const RoundedMatrix one_thread = rounder.round(compute_of(1), weights.data(), rows, grid);
    CHECK(one_thread.codes == by_columns.codes);
    CHECK(one_thread.scale == by_columns.scale);
    CHECK(one_thread.multipliers == by_columns.multipliers);
  }
}

// The part that means over rows, as attention takes them, do not make less: sums over columns alone.
TEST_CASE("what rounding by columns leaves is not alike in all rows") {
  const size_t width = 128, rows = 24, count = 400;
  std::vector<float> x = normal(count * width, 4), mean(width);
  const std::vector<float> offset = normal(width, 5);
  for (size_t k = 0; k < x.size(); ++k) x[k] += offset[k % width];
  for (size_t k = 0; k < x.size(); ++k) mean[k % width] += x[k] / count;
  const std::vector<float> weights = normal(rows * width, 6);
  const Grid grid = grid_of(WeightFormat::p2);
  ColumnRounder rounder;
  const RowMoments moments = moments_of(x, x, width);
  REQUIRE(rounder.factor(moments, grid.together));
  const auto share_alike = [&](const RoundedMatrix& rounded) {
    return count * output_error(weights, rounded, mean, mean) / output_error(weights, rounded, x, x);
  };
  CHECK(share_alike(round_nearest(compute_of(1), weights.data(), rows, width, grid)) > 0.3);
  CHECK(share_alike(rounder.round(compute_of(1), weights.data(), rows, grid)) < 0.1);
}

// Levels need fewer squared errors than as many uniform codes, multipliers fewer still where groups differ.
TEST_CASE("levels, multipliers, pairs and vectors suit values of a normal distribution") {
  const size_t width = 512, rows = 16;
  std::vector<float> weights = normal(rows * width, 21);
  const auto error = [&](WeightFormat format) {
    const RoundedMatrix rounded = round_nearest(compute_of(1), weights.data(), rows, width, grid_of(format));
    double sum = 0;
    for (size_t k = 0; k < weights.size(); ++k) {
      const double difference = weights[k] - rounded.weight(k / width, k % width);
      sum += difference * difference;
    }
    return sum / static_cast<double>(weights.size());
  };
  CHECK(error(WeightFormat::t4) < 0.9 * error(WeightFormat::u4));
  CHECK(error(WeightFormat::t3) == doctest::Approx(0.035).epsilon(0.1));
  CHECK(error(WeightFormat::p2) == doctest::Approx(0.110).epsilon(0.1));
  CHECK(error(WeightFormat::e8p) == doctest::Approx(0.0916).epsilon(0.05));
  for (size_t k = 0; k < weights.size(); ++k) weights[k] *= k % width / 64 % 2 == 0 ? 1.0f : 0.3f;
  CHECK(error(WeightFormat::t4) < 0.6 * error(WeightFormat::u4));
}

TEST_CASE("what is rounded to a table is found in panels, whatever the width") {
  for (size_t i = 1; i < std::size(kWeightFormats); ++i)
    for (const size_t width : {1, 5, 8, 77, 129}) {
      const auto format = static_cast<WeightFormat>(i);
      CAPTURE(facts_of(format).tag);
      CAPTURE(width);
      const size_t rows = 19;
      const std::vector<float> weights = normal(rows * width, 31);
      const RoundedMatrix rounded = round_nearest(compute_of(1), weights.data(), rows, width, grid_of(format));
      Matrix matrix;
      matrix.rows = rows;
      matrix.columns = width;
      matrix.format = format;
      matrix.stride_bytes = panel_bytes(format, width);
      matrix.scale = rounded.scale.data();
      matrix.levels = levels_of(format);
      std::vector<uint8_t> panels(panel_count(rows) * matrix.stride_bytes + 64);
      uint8_t* aligned = panels.data() + (64 - reinterpret_cast<uintptr_t>(panels.data()) % 64) % 64;
      pack_panels(format, aligned, {rounded.codes.data(), rounded.multipliers.data(), matrix.levels}, rows, width);
      matrix.data = aligned;
      std::vector<float> row(width);
      for (size_t r = 0; r < rows; ++r) {
        widen_matrix_row(*compute_of(1).kernels, matrix, r, row.data());
        for (size_t k = 0; k < width; ++k) CHECK(row[k] == doctest::Approx(rounded.weight(r, k)).epsilon(1e-6));
      }
    }
}

TEST_CASE("rows of zeros stay nothing in grids that have no 0") {
  const std::vector<float> weights(3 * 128, 0.0f);
  for (const WeightFormat format : {WeightFormat::t4, WeightFormat::t3, WeightFormat::p2, WeightFormat::e8p}) {
    const RoundedMatrix rounded = round_nearest(compute_of(1), weights.data(), 3, 128, grid_of(format));
    for (size_t k = 0; k < weights.size(); ++k) REQUIRE(std::fabs(rounded.weight(k / 128, k % 128)) < 1e-20f);
  }
}

TEST_CASE("weights on a grid are found again") {
  const size_t width = 64;
  std::vector<float> weights(width);
  for (size_t i = 0; i < width; ++i) weights[i] = 0.03f * static_cast<float>(static_cast<int>(i * 5 % 16) - 8);
  const RoundedMatrix nearest = round_nearest(compute_of(1), weights.data(), 1, width, kFourBits);
  for (size_t i = 0; i < width; ++i)
    CHECK(nearest.scale[0] * static_cast<float>(nearest.codes[i]) == doctest::Approx(weights[i]).epsilon(1e-5));
}

TEST_CASE("weights are corrected for what the quantized model's rows have lost") {
  const size_t width = 96, rows = 16;
  const std::vector<float> reference = correlated_rows(800, width, 5);
  std::vector<float> x = reference;
  for (size_t r = 0; r < 800; ++r)
    for (size_t i = 0; i < width; ++i)
      x[r * width + i] = 0.9f * reference[r * width + i];  // an error that can be undone
  const std::vector<float> weights = normal(rows * width, 8);
  ColumnRounder aware, blind;
  const RowMoments with_drift = moments_of(x, reference, width), without = moments_of(x, x, width);
  REQUIRE(aware.factor(with_drift));
  REQUIRE(blind.factor(without));
  const RoundedMatrix towards = aware.round(compute_of(1), weights.data(), rows, kEightBits);
  const RoundedMatrix plain = blind.round(compute_of(1), weights.data(), rows, kEightBits);
  const double corrected = output_error(weights, towards, x, reference);
  const double as_is = output_error(weights, plain, x, reference);
  CHECK(corrected < 0.3 * as_is);  // half of the way, so a quarter of the square
}

TEST_CASE("no single code could be changed for the better") {
  const size_t width = 96, rows = 8;
  const std::vector<float> x = correlated_rows(500, width, 7);
  const std::vector<float> weights = normal(rows * width, 8);
  const RowMoments moments = moments_of(x, x, width);
  ColumnRounder rounder;
  REQUIRE(rounder.factor(moments));
  const RoundedMatrix rounded = rounder.round(compute_of(2), weights.data(), rows, kFourBits);
  for (size_t r = 0; r < rows; ++r) {
    std::vector<float> rest(width);
    for (size_t i = 0; i < width; ++i)
      rest[i] = weights[r * width + i] - rounded.scale[r] * static_cast<float>(rounded.codes[r * width + i]);
    const double error = output_energy(compute_of(1), rest.data(), 1, moments);
    for (size_t i = 0; i < width; ++i)
      for (const int step : {-1, 1}) {
        const int code = rounded.codes[r * width + i] + step;
        if (code < -8 || code > 7) continue;
        std::vector<float> other = rest;
        other[i] -= rounded.scale[r] * static_cast<float>(step);
        // What damping and the last fit of the scale leave open.
        CHECK(output_energy(compute_of(1), other.data(), 1, moments) > 0.98 * error);
      }
  }
}

TEST_CASE("a range gives up a few values where the many gain more") {
  RowRange even, spiked;
  const std::vector<float> values = normal(200000, 3);
  even.add(values.data(), values.size());
  CHECK(even.best() > 0.8f * even.max());
  spiked.add(values.data(), values.size());
  const float spike = 40;
  spiked.add(&spike, 1);
  CHECK(spiked.max() == spike);
  CHECK(spiked.best() < 0.75f * spike);
  CHECK(spiked.best() > even.max());
  CHECK(RowRange().best() == 0);
}

TEST_CASE("moments without rows cannot be factored, those of few rows can") {
  const size_t width = 48;
  ColumnRounder rounder;
  const RowMoments few = moments_of(normal(3 * width, 4), normal(3 * width, 4), width);
  CHECK(rounder.factor(few));
  std::vector<float> bad = normal(4 * width, 4);
  bad[5] = INFINITY;
  const RowMoments broken = moments_of(bad, bad, width);
  CHECK_FALSE(rounder.factor(broken));
}

TEST_CASE("massive activations are found behind the rotation and taken out of rows and moments alike") {
  const size_t width = 96, count = 400;
  RowRotation rotation;
  REQUIRE(rotation.make(width));
  std::vector<float> rows = normal(count * width, 6);
  rows[7 * width + 20] = 3000.0f;
  rows[7 * width + 33] = -900.0f;
  rows[200 * width + 20] = 2500.0f;
  const auto rotated = [&](std::vector<float> values) {
    for (size_t r = 0; r < count; ++r)
      rotation.rotate(values.data() + r * width);
    return values;
  };
  MassiveRows massive(&rotation);
  const std::vector<float> seen = rotated(rows);
  massive.add(seen.data(), count, width);
  const std::vector<uint32_t> channels = massive.channels();
  REQUIRE(channels == std::vector<uint32_t>{20, 33});
  RowMoments moments = moments_of(seen, seen, width);
  moments.clear_before_rotation(compute_of(2), &rotation, channels);
  for (size_t r = 0; r < count; ++r)
    for (const uint32_t channel : channels) rows[r * width + channel] = 0.0f;
  const std::vector<float> without = rotated(rows);
  const RowMoments wanted = moments_of(without, without, width);
  std::vector<float> cleared = seen;
  clear_channels(&rotation, channels, cleared.data(), count, width);
  for (size_t i = 0; i < width; ++i) {
    CHECK(cleared[7 * width + i] == doctest::Approx(without[7 * width + i]).epsilon(1e-3).scale(1));
    // Sums of squares of 3000 cancel: seven digits leave a few units.
    for (size_t j = 0; j < width; j += 5)
      CHECK(moments.second()[i * width + j] ==
            doctest::Approx(wanted.second()[i * width + j]).scale(200).epsilon(0.05));
  }
  MassiveRows ordinary(&rotation);
  ordinary.add(without.data(), count, width);
  CHECK(ordinary.channels().empty());
}

TEST_CASE("a channel far above the others is balanced with the weights") {
  const size_t width = 64, rows = 40;
  std::vector<float> x = normal(100 * width, 7);
  for (size_t r = 0; r < 100; ++r) x[r * width + 3] *= 40.0f;
  std::vector<float> weights = normal(rows * width, 8);
  Matrix matrix;
  matrix.rows = rows;
  matrix.columns = width;
  matrix.data = reinterpret_cast<const uint8_t*>(weights.data());
  matrix.stride_bytes = width * sizeof(float);
  ChannelSizes sizes(5);
  CHECK(sizes.observe({.index = 4}, x.data(), width, 100, 0, width));  // another point
  CHECK_FALSE(sizes.observe({.index = 5}, x.data(), width, 100, 0, width));
  CHECK(sizes.rows() == 100);
  const std::vector<float> factors = balance(sizes, *find_kernels(nullptr), matrix);
  CHECK(factors[3] > 3.0f * factors[10]);
  for (const float factor : factors) CHECK((factor > 0 && std::isfinite(factor)));
}

TEST_CASE("kept channels are multiplied in float, the others in integers, as one product") {
  const size_t width = 96, channels = 20, count = 9;
  RowRotation rotation;
  REQUIRE(rotation.make(width));
  const std::vector<float> weights = normal(channels * width, 3);  // in the rotated space
  std::vector<float> rows = normal(count * width, 4);
  const std::vector<uint32_t> kept_channels = {11, 90};
  for (const uint32_t channel : kept_channels) rows[2 * width + channel] = 5000.0f;
  const std::vector<float> kept = normal(kept_channels.size() * channels, 5);
  const RoundedMatrix rounded = round_nearest(compute_of(1), weights.data(), channels, width, kFourBits);
  std::vector<uint8_t> storage(panel_count(channels) * panel_bytes(WeightFormat::u4, width) + 64);
  uint8_t* panels = storage.data() + (64 - reinterpret_cast<uintptr_t>(storage.data()) % 64);
  pack_panels(WeightFormat::u4, panels, {rounded.codes.data()}, channels, width);
  Matrix matrix;
  matrix.rows = channels;
  matrix.columns = width;
  matrix.format = WeightFormat::u4;
  matrix.data = panels;
  matrix.stride_bytes = panel_bytes(WeightFormat::u4, width);
  matrix.scale = rounded.scale.data();
  matrix.kept_channels = kept_channels.data();
  matrix.kept = kept.data();
  matrix.kept_count = static_cast<uint32_t>(kept_channels.size());
  std::vector<double> wanted(count * channels);
  for (size_t r = 0; r < count; ++r) {
    std::vector<float> row(rows.begin() + static_cast<std::ptrdiff_t>(r * width),
                           rows.begin() + static_cast<std::ptrdiff_t>((r + 1) * width));
    for (float& value : row) value = value / (1.0f + std::exp(-value));  // silu
    for (size_t c = 0; c < channels; ++c)
      for (size_t k = 0; k < 2; ++k)
        wanted[r * channels + c] += static_cast<double>(row[kept_channels[k]]) * kept[k * channels + c];
    for (const uint32_t channel : kept_channels) row[channel] = 0.0f;
    rotation.rotate(row.data());
    for (size_t c = 0; c < channels; ++c)
      for (size_t i = 0; i < width; ++i)
        wanted[r * channels + c] += static_cast<double>(row[i]) * rounded.scale[c] * rounded.codes[c * width + i];
  }
  std::vector<int8_t> quantized(count * quantized_row_bytes(width));
  std::vector<int32_t> sums(count);
  std::vector<float> taken(count * kKeptChannelsMax), out(count * channels, 1.0f);
  RowBuffers buffers;
  buffers.quantized = quantized.data();
  buffers.sums = sums.data();
  buffers.kept = taken.data();
  for (const uint32_t threads : {1u, 3u}) {
    std::vector<float> source = rows;
    const Compute compute = compute_of(threads);
    const QuantPoint point{.index = 0, .scale_visual = 5.0f / 127.0f, .scale_text = 5.0f / 127.0f};
    const Activated activated{.function = Activation::silu, .src = source.data(), .factor = nullptr};
    const Rows in =
        enter_activated(compute, point, matrix, activated, &rotation, source.data(), width, count, 4, width, buffers);
    linear(compute, out.data(), channels, in, matrix);
    for (size_t i = 0; i < out.size(); ++i) CHECK(out[i] == doctest::Approx(wanted[i]).epsilon(0.001).scale(400));
  }
}
