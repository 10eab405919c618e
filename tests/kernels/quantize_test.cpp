// Producers that quantize: the rounding at its edges, every level against scalar bit by bit, scalar against doubles.
// Not rotations: rotate_test.cpp.
#include <cmath>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "harness.hpp"

namespace mica::kernel_test {

namespace {

std::vector<size_t> row_widths() {
  if (timing()) return {std::begin(kTimedWidths), std::end(kTimedWidths)};
  std::vector<size_t> all;
  for (size_t n = 0; n <= 130; n += reduced() ? 13 : 1) all.push_back(n);
  for (size_t n : {576, 896, 1152, 1280, 1536}) all.push_back(n);
  if (reduced()) return all;
  for (size_t n : {4304, 4864, 5120, 8192, 8960, 13696, 14336, 18944, 29568}) all.push_back(n);
  return all;
}

enum class Producer { row, rms_norm, layer_norm };

struct Inputs {
  const float* x;
  const float* weight;
  const float* bias;
};

int32_t run(const simd::Kernels& kernels, Producer producer, int8_t* dst, const Inputs& in, size_t n) {
  const simd::QuantizeKernels& quantize = *kernels.quantize;
  switch (producer) {
    case Producer::row: return quantize.quantize_row(dst, in.x, 9.7f, n);
    case Producer::rms_norm: return quantize.rms_norm_quantize(dst, in.x, in.weight, 1e-6f, 41.3f, n);
    case Producer::layer_norm: break;
  }
  return quantize.layer_norm_quantize(dst, in.x, in.weight, in.bias, 1e-5f, 41.3f, n);
}

const char* name_of(Producer producer) {
  return producer == Producer::row        ? "quantize_row"
         : producer == Producer::rms_norm ? "rms_norm_quantize"
                                          : "layer_norm_quantize";
}

// What the producer says of each value, before clamping, in double precision.
std::vector<double> exact_values(Producer producer, const Inputs& in, size_t n) {
  double mean = 0, squares = 0;
  for (size_t i = 0; i < n; ++i) mean += in.x[i] / static_cast<double>(n);
  if (producer != Producer::layer_norm) mean = 0;
  for (size_t i = 0; i < n; ++i) squares += (in.x[i] - mean) * (in.x[i] - mean) / static_cast<double>(n);
  std::vector<double> values(n);
  for (size_t i = 0; i < n; ++i) {
    if (producer == Producer::row) {
      values[i] = in.x[i] * 9.7;
      continue;
    }
    const double normal = (in.x[i] - mean) / std::sqrt(squares + (producer == Producer::rms_norm ? 1e-6 : 1e-5));
    values[i] = 41.3 * (normal * (in.weight ? in.weight[i] : 1) + (in.bias ? in.bias[i] : 0));
  }
  return values;
}

std::vector<const simd::Kernels*> all_levels() {
  std::vector<const simd::Kernels*> all = levels_under_test();
  all.push_back(&scalar());
  return all;
}

}  // namespace

TEST_CASE("quantize_row: ties to even, clamped to 127 on both sides, also beyond the integers") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float x[] = {0.5f,    1.5f,   2.5f,      -0.5f,    -1.5f, -2.5f,         126.5f,      126.49f,
                     127.4f,  128.0f, 1e30f,     infinity, -0.0f, -126.5f,       -127.0f,     -127.5f,
                     -128.0f, -1e30f, -infinity, 3e9f,     -3e9f, std::nanf(""), 0.49999997f, 1e-40f};
  const int8_t rounded[] = {0, 2,    2,    0,    -2,   -2,   126,  126, 127,  127, 127, 127,
                            0, -126, -127, -127, -127, -127, -127, 127, -127, 127, 0,   0};
  constexpr size_t kCount = sizeof rounded;
  for (const simd::Kernels* kernels : all_levels()) {
    for (size_t shift = 0; shift < 40; ++shift) {  // every lane, and the padded end
      Trial trial("quantize_row", *kernels, "shift %zu", shift);
      Guarded<float> row("row", shift + kCount, Place::at_end);
      Guarded<int8_t> expected("expected", simd::quantized_row_bytes(row.size()), Place::at_end);
      Guarded<int8_t> got("got", expected.size(), Place::at_end);
      for (size_t i = 0; i < expected.size(); ++i) expected[i] = 0;
      int32_t sum = 0;
      for (size_t i = 0; i < row.size(); ++i) {
        row[i] = i < shift ? 1.0f : x[i - shift];
        expected[i] = i < shift ? int8_t{1} : rounded[i - shift];
        sum += expected[i];
      }
      CHECK(kernels->quantize->quantize_row(got.data(), row.data(), 1.0f, row.size()) == sum);
      expect_equal(trial, expected, got);
    }
  }
}

TEST_CASE("producers that quantize: every level equals scalar, and the sums are those of the bytes" *
          doctest::test_suite("timed")) {
  for (size_t n : row_widths()) {
    for (Producer producer : {Producer::row, Producer::rms_norm, Producer::layer_norm}) {
      for (unsigned given = 0; given < (producer == Producer::row        ? 1u
                                        : producer == Producer::rms_norm ? 2u
                                                                         : 4u);
           ++given) {
        for (Values values : values_under_test()) {
          if (reduced() && n > 130 && values != Values::random) continue;
          const Place place = kPlaces[(n + given) % 3];
          Guarded<float> x("x", n, place), weight("weight", n, place), bias("bias", n, place);
          const Inputs in = {x.data(), given & 1 ? weight.data() : nullptr, given & 2 ? bias.data() : nullptr};
          Trial first(name_of(producer), scalar(), "width %zu, given %u, %s", n, given, name_of(values));
          fill_reals(x, -9.0f, 14.0f, values, first.random);
          fill_reals(weight, 0.5f, 1.5f, Values::random, first.random);
          fill_reals(bias, -0.5f, 0.5f, Values::random, first.random);
          Guarded<int8_t> expected("expected", simd::quantized_row_bytes(n), place);
          const int32_t sum = run(scalar(), producer, expected.data(), in, n);
          const std::vector<double> exact = exact_values(producer, in, n);
          int32_t written = 0;
          bool good = true;
          for (size_t i = 0; i < expected.size(); ++i) {
            written += expected[i];
            const double clamped = i < n ? std::fmin(127.0, std::fmax(-127.0, exact[i])) : 0.0;
            // Sums of n / 64 terms and a handful of roundings of values below 2^7, or of 14 * 41.3 where they cancel.
            good = good && std::abs(clamped - expected[i]) <= 0.5 + 1e-5 * (64 + std::abs(clamped));
          }
          CHECK_MESSAGE((good && written == sum), std::string(first.description()));
          for (const simd::Kernels* kernels : levels_under_test()) {
            Trial trial(name_of(producer), *kernels, "width %zu, given %u, %s", n, given, name_of(values));
            Guarded<int8_t> got("got", expected.size(), place);
            const int32_t sum_here = run(*kernels, producer, got.data(), in, n);
            CHECK_MESSAGE(sum_here == sum, std::string(trial.description()));
            if (!expect_equal(trial, expected, got)) return;
            time_call(trial, name_of(producer), bytes(5 * n), [&](const simd::Kernels& timed) {
              run(timed, producer, got.data(), in, n);
            });
          }
        }
      }
    }
  }
}

}  // namespace mica::kernel_test
