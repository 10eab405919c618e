// Rotations: plans and their matrix against the definition in double precision; every level against that matrix, and
// against scalar where bytes are written. Not the rows of a layer: tests/engine.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "harness.hpp"

namespace mica::kernel_test {

namespace {

using simd::RotationPlan;

// Every small width, and the feed-forward and hidden widths of published models.
std::vector<size_t> widths() {
  if (timing()) return {256, 1536, 8192, 8960, 18944};
  std::vector<size_t> all;
  for (size_t n = 1; n <= 130; n += reduced() ? 11 : 1) all.push_back(n);
  for (size_t n : {256, 576, 896, 1152, 1536}) all.push_back(n);
  if (reduced()) return all;
  for (size_t n : {512, 1024, 1280, 2048, 4304, 4096, 4864, 5120, 8192, 8960, 13696, 14336, 16384, 18944, 29568, 32768})
    all.push_back(n);
  return all;
}

RotationPlan plan_of(size_t width) {
  RotationPlan plan;
  REQUIRE(simd::make_rotation_plan(width, &plan));
  return plan;
}

bool power_of_two(size_t n) { return (n & (n - 1)) == 0; }

// The channels that are compared with the matrix: all of small widths, else the joints of the parts and a spread.
std::vector<size_t> channels(const RotationPlan& plan) {
  std::vector<size_t> all;
  const size_t n = plan.width;
  if (n <= 130) {
    for (size_t i = 0; i < n; ++i) all.push_back(i);
    return all;
  }
  const size_t first = plan.parts[0].width;
  for (size_t i : {size_t(0), size_t(1), n - 1, first - 1, first % n, (first + 1) % n}) all.push_back(i);
  for (size_t i = 3; i < n; i += n / 11) all.push_back(i);
  return all;
}

// How many roundings lie between an input and an output: one a butterfly, p and three a DCT, and the joint and factors.
size_t rounding_depth(const RotationPlan& plan) {
  size_t depth = 0;
  for (uint32_t p = 0; p < plan.part_count; ++p) {
    size_t of_part = plan.parts[p].power + 6;
    for (uint32_t f = 0; f < plan.parts[p].factor_count; ++f) of_part += plan.parts[p].factors[f] + 3u;
    depth = of_part > depth ? of_part : depth;
  }
  return depth;
}

struct Exact {
  double value;
  double magnitude;  // sum of |terms|, what rounding errors are bounded by
};

// Channel `channel` of R x or of its transpose, with signs on the side where they belong.
Exact exact_channel(const RotationPlan& plan, bool inverse, const uint32_t* signs, const float* x, size_t channel) {
  const auto negated = [signs](size_t i) { return signs && (signs[i / 32] >> i % 32 & 1) != 0; };
  Exact sum = {0, 0};
  for (size_t j = 0; j < plan.width; ++j) {
    const double entry = inverse ? simd::rotation_entry(plan, j, channel) : simd::rotation_entry(plan, channel, j);
    const double term = entry * x[j] * (negated(inverse ? channel : j) ? -1 : 1);
    sum.value += term;
    sum.magnitude += std::abs(term);
  }
  return sum;
}

std::vector<const simd::Kernels*> all_levels() {
  std::vector<const simd::Kernels*> all = levels_under_test();
  all.push_back(&scalar());
  return all;
}

struct Signs {
  Guarded<uint32_t> bits;
  const uint32_t* data;
  Signs(size_t width, bool used, Place place, Random& random)
      : bits("sign_bits", (width + 31) / 32, place), data(used ? bits.data() : nullptr) {
    fill_integers(bits, 0, 0xFFFFFFFF, Values::random, random);
    if (!used) bits.forbid();
  }
};

}  // namespace

TEST_CASE("rotation plans: the factors of published widths") {
  const auto width_of = [](const RotationPlan& plan, size_t part) {
    size_t product = size_t{1} << plan.parts[part].power;
    for (uint32_t f = 0; f < plan.parts[part].factor_count; ++f) product *= plan.parts[part].factors[f];
    return product;
  };
  struct Published {
    size_t width, first, second;
  };
  for (const Published& published : {Published{1536, 1536, 0},
                                     {8192, 8192, 0},
                                     {8960, 8960, 0},
                                     {29568, 29568, 0},
                                     {4304, 2288, 2016},
                                     {4864, 2560, 2304},
                                     {13696, 7040, 6656},
                                     {18944, 10752, 8192}}) {
    const RotationPlan plan = plan_of(published.width);
    CHECK(plan.part_count == (published.second ? 2 : 1));
    CHECK(width_of(plan, 0) == published.first);
    CHECK(plan.parts[0].width == published.first);
    if (published.second) CHECK(width_of(plan, 1) == published.second);
  }
  RotationPlan plan;
  CHECK(simd::make_rotation_plan(simd::kRotationWidthMax, &plan));
  CHECK_FALSE(simd::make_rotation_plan(simd::kRotationWidthMax + 1, &plan));
  CHECK_FALSE(simd::make_rotation_plan(0, &plan));
  CHECK_FALSE(simd::make_rotation_plan(1559, &plan));  // no sum of two numbers with factors up to 13
}

TEST_CASE("rotation plans: the matrix is orthogonal and its first row constant") {
  for (size_t n : widths()) {
    if (n > (reduced() ? 260u : 600u)) continue;
    const RotationPlan plan = plan_of(n);
    std::vector<double> matrix(n * n);
    for (size_t i = 0; i < n * n; ++i) matrix[i] = simd::rotation_entry(plan, i / n, i % n);
    double worst = 0;
    for (size_t j = 0; j < n; ++j) worst = std::max(worst, std::abs(matrix[j] - 1 / std::sqrt(double(n))));
    for (size_t a = 0; a<n; a += n> 130 ? 17 : 1) {
      for (size_t b = 0; b <= a; ++b) {
        double dot = a == b ? -1 : 0;
        for (size_t j = 0; j < n; ++j) dot += matrix[a * n + j] * matrix[b * n + j];
        worst = std::max(worst, std::abs(dot));
      }
    }
    CHECK_MESSAGE(worst < 1e-12, "width " << n);
  }
}

TEST_CASE("rotate and rotate_inverse: every level against the matrix" * doctest::test_suite("timed")) {
  for (size_t n : widths()) {
    const RotationPlan plan = plan_of(n);
    for (const simd::Kernels* kernels : all_levels()) {
      for (Values values : values_under_test()) {
        if (reduced() && n > 130 && values != Values::random) continue;  // a matrix row costs n cosines
        for (bool inverse : {false, true}) {
          const size_t blocks = n <= 130 ? 1 + n % 3 : 1;
          const bool with_signs = (n + inverse) % 2 == 0;
          const Place place = kPlaces[(n + static_cast<size_t>(values)) % 3];
          Trial trial(inverse ? "rotate_inverse" : "rotate", *kernels, "width %zu, blocks %zu, %s", n, blocks,
                      name_of(values));
          Guarded<float> row("row", n * blocks, place);
          fill_reals(row, -3.0f, 5.0f, values, trial.random);
          const Signs signs(n, with_signs, place, trial.random);
          const std::vector<float> x(row.data(), row.data() + row.size());
          (inverse ? kernels->rotate->rotate_inverse : kernels->rotate->rotate)(plan, blocks, signs.data, 0.75f,
                                                                                row.data());
          const std::vector<size_t> compared = channels(plan);
          Guarded<float> expected("expected", compared.size(), place), got("got", compared.size(), place);
          std::vector<float> tolerances(compared.size());
          const size_t block = blocks - 1;
          for (size_t k = 0; k < compared.size(); ++k) {
            const Exact exact = exact_channel(plan, inverse, signs.data, x.data() + block * n, compared[k]);
            expected[k] = static_cast<float>(0.75 * exact.value);
            got[k] = row[block * n + compared[k]];
            tolerances[k] = sum_tolerance(rounding_depth(plan), exact.magnitude);
          }
          CHECK(row.canary_intact());
          if (!expect_near(trial, expected, got, tolerances)) return;
          // By 1, which leaves their size.
          time_call(trial, inverse ? "rotate_inverse" : "rotate", bytes(8 * n), [&](const simd::Kernels& timed) {
            (inverse ? timed.rotate->rotate_inverse : timed.rotate->rotate)(plan, 1, nullptr, 1.0f, row.data());
          });
        }
      }
    }
  }
}

TEST_CASE("rotate: powers of two have the same bits at every level") {
  for (const simd::Kernels* kernels : levels_under_test()) {
    for (size_t n : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}) {
      const RotationPlan plan = plan_of(n);
      Trial trial("rotate", *kernels, "width %zu", n);
      Guarded<float> expected("expected", n, Place::at_end), got("got", n, Place::at_end);
      for (size_t i = 0; i < n; ++i) expected[i] = got[i] = trial.random.normal();
      scalar().rotate->rotate(plan, 1, nullptr, 1.5f, expected.data());
      kernels->rotate->rotate(plan, 1, nullptr, 1.5f, got.data());
      expect_equal(trial, expected, got);
    }
  }
}

TEST_CASE("rotate_quantize: bytes, sums, means and padding of every level against scalar" *
          doctest::test_suite("timed")) {
  for (size_t n : widths()) {
    const RotationPlan plan = plan_of(n);
    for (const simd::Kernels* kernels : levels_under_test()) {
      for (Values values : values_under_test()) {
        const bool with_mean = n % 5 != 0;
        const Place place = kPlaces[(n + static_cast<size_t>(values)) % 3];
        Trial trial("rotate_quantize", *kernels, "width %zu, %s", n, name_of(values));
        Guarded<float> row("row", n, place), row_scalar("row of scalar", n, place);
        fill_reals(row, -1.0f, 2.0f, values, trial.random);
        for (size_t i = 0; i < n; ++i) row_scalar[i] = row[i];
        const std::vector<float> x(row.data(), row.data() + n);
        Guarded<float> mean("mean", 1, place), mean_scalar("mean of scalar", 1, place);
        const size_t bytes = simd::quantized_row_bytes(n);
        Guarded<int8_t> got("got", bytes, place), expected("expected", bytes, place);
        const int32_t sum_scalar = scalar().rotate->rotate_quantize(
            expected.data(), plan, 40.0f, with_mean ? mean_scalar.data() : nullptr, row_scalar.data());
        const int32_t sum = kernels->rotate->rotate_quantize(got.data(), plan, 40.0f,
                                                             with_mean ? mean.data() : nullptr, row.data());
        int32_t written = 0;
        int apart = 0;
        for (size_t i = 0; i < bytes; ++i) {
          written += got[i];
          apart = std::max(apart, std::abs(got[i] - expected[i]));
        }
        bool good = written == sum && (power_of_two(n) ? apart == 0 && sum == sum_scalar : apart <= 1);
        for (size_t i = n; i < bytes; ++i) good = good && got[i] == 0 && expected[i] == 0;
        if (with_mean)
          good = good && got[0] == 0 &&
                 std::abs(mean[0] - mean_scalar[0]) <= sum_tolerance(rounding_depth(plan), 2 * std::sqrt(double(n)));
        good = good && got.canary_intact() && row.canary_intact() && mean.canary_intact();
        CHECK_MESSAGE(good, trial.description() << ": sum " << sum << ", bytes " << written << ", apart " << apart);
        if (!good) return;
        time_call(trial, "rotate_quantize", kernel_test::bytes(13 * n), [&](const simd::Kernels& timed) {
          std::memcpy(row.data(), x.data(), n * sizeof(float));  // the row is lost each time
          timed.rotate->rotate_quantize(got.data(), plan, 40.0f, nullptr, row.data());
        });
      }
    }
  }
}

TEST_CASE("rotate_quantize: scalar writes the rounded rotation") {
  for (size_t n : {48, 100, 107, 269, 896}) {
    if (reduced() && n > 130) continue;
    const RotationPlan plan = plan_of(n);
    Trial trial("rotate_quantize", scalar(), "width %zu", n);
    Guarded<float> row("row", n, Place::at_end);
    fill_reals(row, -1.0f, 1.0f, Values::random, trial.random);
    const std::vector<float> x(row.data(), row.data() + n);
    Guarded<int8_t> got("got", simd::quantized_row_bytes(n), Place::at_end);
    float mean = 0;
    scalar().rotate->rotate_quantize(got.data(), plan, 50.0f, &mean, row.data());
    for (size_t i = 0; i < n; ++i) {
      const double value = exact_channel(plan, false, nullptr, x.data(), i).value;
      if (i == 0) {
        CHECK(mean == doctest::Approx(value).epsilon(1e-5));
        CHECK(got[0] == 0);
      } else {
        CHECK(std::abs(std::min(127.0, std::max(-127.0, 50 * value)) - got[i]) < 0.501);
      }
    }
  }
}

}  // namespace mica::kernel_test
