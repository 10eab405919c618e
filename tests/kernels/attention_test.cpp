// Integer attention: every level against scalar, bit by bit, and scalar against softmax in doubles. Not its tiling over
// heads: tests/engine.
#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "attention_exponential.hpp"
#include "harness.hpp"

namespace mica::kernel_test {
namespace {

using simd::AttentionKernels;
using simd::kAttentionKeys;
using simd::kAttentionRowsMax;
using simd::PackedHead;

// Head dims of the published towers and odd ones; keys beside panels of 16, pairs of them and tiles.
std::vector<size_t> head_dims() {
  if (timing()) return {64, 80};
  return reduced() ? std::vector<size_t>{5, 72} : std::vector<size_t>{1, 5, 16, 64, 72, 80, 88, 104, 112, 128, 130};
}
std::vector<size_t> key_counts() {
  if (timing()) return {128, 1024};
  return reduced() ? std::vector<size_t>{1, 17, 48}
                   : std::vector<size_t>{1, 2, 15, 16, 17, 32, 47, 64, 250, kAttentionKeys, kAttentionKeys + 1, 577};
}

// What one level makes of the same floats.
struct Attempt {
  Guarded<uint8_t> keys;
  Guarded<float> key_step;
  Guarded<int8_t> values;
  Guarded<float> value_step, value_middle;
  Guarded<int8_t> queries;
  Guarded<float> exponent, scratch, out;

  Attempt(size_t rows, size_t count, size_t dims, Place place)
      : keys("keys", simd::packed_keys_bytes(count, dims), place), key_step("key_step", dims, place),
        values("values", simd::packed_values_bytes(count, dims), place), value_step("value_step", dims, place),
        value_middle("value_middle", dims, place), queries("queries", rows * simd::query_row_bytes(dims), place),
        exponent("exponent", rows, place), scratch("scratch", simd::attend_scratch_floats(dims), place),
        out("out", rows * dims, place) {}

  PackedHead head(size_t count, size_t dims) const {
    return {keys.data(), values.data(), value_step.data(), value_middle.data(), count, dims};
  }

  // From x: `count` rows of query, key and value behind each other; queries are those of the first `rows`.
  void run(const AttentionKernels& kernels, const float* x, size_t rows, size_t count, size_t dims) {
    kernels.pack_keys_u7(keys.data(), key_step.data(), x + dims, 3 * dims, count, dims);
    kernels.pack_values_s6(values.data(), value_step.data(), value_middle.data(), x + 2 * dims, 3 * dims, count, dims);
    kernels.quantize_queries(queries.data(), exponent.data(), x, 3 * dims, rows, dims, key_step.data());
    kernels.attend(out.data(), dims, queries.data(), exponent.data(), rows, head(count, dims), scratch.data());
  }

  // Each of the four by itself, after run.
  void time(const Trial& trial, const float* x, size_t rows, size_t count, size_t dims) {
    time_call(trial, "pack_keys_u7", bytes(5 * count * dims), [&](const simd::Kernels& timed) {
      timed.attention->pack_keys_u7(keys.data(), key_step.data(), x + dims, 3 * dims, count, dims);
    });
    time_call(trial, "pack_values_s6", bytes(5 * count * dims), [&](const simd::Kernels& timed) {
      timed.attention->pack_values_s6(values.data(), value_step.data(), value_middle.data(), x + 2 * dims, 3 * dims,
                                      count, dims);
    });
    time_call(trial, "quantize_queries", bytes(5 * rows * dims), [&](const simd::Kernels& timed) {
      timed.attention->quantize_queries(queries.data(), exponent.data(), x, 3 * dims, rows, dims, key_step.data());
    });
    time_call(trial, "attend", operations(4 * rows * count * dims), [&](const simd::Kernels& timed) {
      timed.attention->attend(out.data(), dims, queries.data(), exponent.data(), rows, head(count, dims),
                              scratch.data());
    });
  }
};

// softmax(q k^T / sqrt(dims)) v of one row, in doubles.
std::vector<double> attention_of(const float* x, size_t row, size_t count, size_t dims) {
  std::vector<double> scores(count), out(dims);
  for (size_t key = 0; key < count; ++key) {
    for (size_t c = 0; c < dims; ++c) scores[key] += double{x[row * 3 * dims + c]} * x[key * 3 * dims + dims + c];
    scores[key] /= std::sqrt(static_cast<double>(dims));
  }
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (size_t key = 0; key < count; ++key) {
    const double p = std::exp(scores[key] - most);
    sum += p;
    for (size_t c = 0; c < dims; ++c) out[c] += p * x[key * 3 * dims + 2 * dims + c];
  }
  for (double& value : out) value /= sum;
  return out;
}

}  // namespace

TEST_CASE("integer attention: every level equals scalar, bit by bit" * doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t dims : head_dims())
      for (size_t count : key_counts()) {
        const Values pattern = timing() ? Values::random : kValues[(dims + count) % 5];
        const Place place = kPlaces[(dims + count) % 3];
        const size_t rows = timing() ? kAttentionRowsMax : std::min(count, (dims * 7 + count) % kAttentionRowsMax + 1);
        Trial trial("attend", *kernels, "%zu rows, %zu keys of %zu, %s", rows, count, dims, name_of(pattern));
        Guarded<float> x("x", count * 3 * dims, place);
        fill_reals(x, -9, 9, pattern, trial.random);
        Attempt expected(rows, count, dims, place), got(rows, count, dims, place);
        expected.run(*scalar().attention, x.data(), rows, count, dims);
        got.run(*kernels->attention, x.data(), rows, count, dims);
        bool good =
            expect_equal(trial, expected.keys, got.keys) && expect_equal(trial, expected.key_step, got.key_step);
        good = good && expect_equal(trial, expected.values, got.values);
        good = good && expect_equal(trial, expected.value_step, got.value_step);
        good = good && expect_equal(trial, expected.value_middle, got.value_middle);
        good = good && expect_equal(trial, expected.queries, got.queries);
        good = good && expect_equal(trial, expected.exponent, got.exponent);
        if (!good || !expect_equal(trial, expected.out, got.out)) return;
        got.time(trial, x.data(), rows, count, dims);
      }
}

// Packed bytes at their bounds: sums of 16 bits inside of a kernel are as large as they can be.
TEST_CASE("integer attention: products at their bounds do not overflow") {
  for (const simd::Kernels* kernels : levels_under_test())
    for (Values pattern : kValues) {
      const size_t rows = 7, count = 300, dims = 80;
      Trial trial("attend", *kernels, "bounds, %s", name_of(pattern));
      Attempt expected(rows, count, dims, Place::at_end), got(rows, count, dims, Place::at_end);
      fill_integers(expected.keys, 0, simd::kKeyTop, pattern, trial.random);
      fill_integers(expected.values, -simd::kValueMost, simd::kValueMost - 1, pattern, trial.random);
      fill_integers(expected.queries, -simd::kQueryMost, simd::kQueryMost, pattern, trial.random);
      fill_reals(expected.exponent, 1e-7f, 1e-4f, Values::random, trial.random);
      fill_reals(expected.value_step, 0.5f, 1, Values::random, trial.random);
      fill_reals(expected.value_middle, -1, 1, Values::random, trial.random);
      const PackedHead head = expected.head(count, dims);
      scalar().attention->attend(expected.out.data(), dims, expected.queries.data(), expected.exponent.data(), rows,
                                 head, expected.scratch.data());
      kernels->attention->attend(got.out.data(), dims, expected.queries.data(), expected.exponent.data(), rows, head,
                                 got.scratch.data());
      expect_equal(trial, expected.out, got.out);
    }
}

TEST_CASE("integer attention: equal keys give the mean of the values, one key its value") {
  const AttentionKernels& kernels = *scalar().attention;
  for (size_t count : {size_t{1}, size_t{40}}) {
    const size_t dims = 24;
    std::vector<float> x(count * 3 * dims, 1.0f);
    for (size_t key = 0; key < count; ++key)
      for (size_t c = 0; c < dims; ++c)
        x[key * 3 * dims + 2 * dims + c] = static_cast<float>(key % 2) + static_cast<float>(c);
    Attempt attempt(1, count, dims, Place::at_end);
    attempt.run(kernels, x.data(), 1, count, dims);
    for (size_t c = 0; c < dims; ++c)
      CHECK(attempt.out[c] == doctest::Approx((count > 1 ? 0.5 : 0.0) + static_cast<double>(c)).epsilon(1e-5));
  }
}

// A step of keys or queries is one part in 127 or 128 of its range, of values one in 63: with normal values the error
// of a row stays below a tenth of it. That the arithmetic is right shows in the error shrinking with the values'
// spread.
TEST_CASE("integer attention: near softmax in doubles") {
  const size_t rows = 20, count = 500, dims = 64;
  for (float spread : {0.5f, 1.0f}) {
    Trial trial("attend", scalar(), "spread %g", static_cast<double>(spread));
    Guarded<float> x("x", count * 3 * dims, Place::at_end);
    for (size_t i = 0; i < x.size(); ++i) x[i] = spread * trial.random.normal() + static_cast<float>(i % dims) / 16;
    Attempt attempt(rows, count, dims, Place::at_end);
    attempt.run(*scalar().attention, x.data(), rows, count, dims);
    double error = 0, magnitude = 0;
    for (size_t row = 0; row < rows; ++row) {
      const std::vector<double> exact = attention_of(x.data(), row, count, dims);
      for (size_t c = 0; c < dims; ++c) {
        error += std::pow(attempt.out[row * dims + c] - exact[c], 2);
        magnitude += std::pow(exact[c], 2);
      }
    }
    CHECK(std::sqrt(error / magnitude) < 0.03);
  }
}

TEST_CASE("exponential_2: within 8e-5 of 2^x, never beyond its largest") {
  double worst = 0;
  for (double x = 0; x > -126; x -= 0.00317) {
    const double exact = std::exp2(static_cast<double>(static_cast<float>(x)));
    worst = std::max(worst, std::abs(simd::exponential_2(static_cast<float>(x), simd::kPower) / exact - 1));
  }
  CHECK(worst < 8e-5);
  CHECK(simd::exponential_2(0, simd::kProbability) <= simd::kProbabilityTop);
  CHECK(simd::exponential_2(-1e30f, simd::kProbability) < 0.5f);
}

}  // namespace mica::kernel_test
