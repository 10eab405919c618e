// Float kernels: every level against scalar, over odd sizes, within tolerances that are derived from the sums' lengths.
// Not attention as a whole: tests/engine.
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "harness.hpp"

namespace mica::kernel_test {
namespace {

const size_t kWidths[] = {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 64, 80, 129, 576};

// A tolerance for each element of a[rows][depth] * b[depth][columns].
std::vector<float> product_tolerances(const float* a, const float* b, const float* start, size_t rows, size_t columns,
                                      size_t depth) {
  std::vector<float> tolerances;
  for (size_t row = 0; row < rows; ++row)
    for (size_t column = 0; column < columns; ++column) {
      double magnitude = std::abs(start[row * columns + column]);
      for (size_t k = 0; k < depth; ++k) magnitude += std::abs(double{a[row * depth + k]} * b[k * columns + column]);
      tolerances.push_back(2 * sum_tolerance(depth + 1, magnitude));
    }
  return tolerances;
}

}  // namespace

TEST_CASE("gemm_f32: every level equals scalar within the rounding of its sums") {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t rows : {1, 3, 4, 6, 11, 13})
      for (size_t columns : {1, 7, 16, 32, 45})
        for (size_t depth : {1, 16, 77})
          for (bool accumulate : {false, true}) {
            Trial trial("gemm_f32", *kernels, "%zu x %zu x %zu, accumulate %d", rows, columns, depth, accumulate);
            Guarded<float> a("a", rows * depth, Place::at_end), b("b", depth * columns, Place::at_end);
            Guarded<float> expected("expected", rows * columns, Place::at_end),
                got("got", rows * columns, Place::misaligned);
            fill_reals(a, -2, 2, Values::random, trial.random);
            fill_reals(b, -2, 2, Values::random, trial.random);
            fill_reals(expected, -2, 2, Values::random, trial.random);
            for (size_t i = 0; i < got.size(); ++i) got[i] = expected[i];
            const std::vector<float> tolerances =
                product_tolerances(a.data(), b.data(), expected.data(), rows, columns, depth);
            scalar().f32->gemm_f32(expected.data(), columns, a.data(), depth, b.data(), columns, rows, columns, depth,
                                   accumulate);
            kernels->f32->gemm_f32(got.data(), columns, a.data(), depth, b.data(), columns, rows, columns, depth,
                                   accumulate);
            if (!expect_near(trial, expected, got, tolerances)) return;
          }
}

TEST_CASE("gemv: three storage types, every level") {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t depth : kWidths)
      for (size_t rows : {1, 5}) {
        Trial trial("gemv", *kernels, "%zu rows of %zu", rows, depth);
        Guarded<float> x("x", depth, Place::at_end), w32("w32", rows * depth, Place::at_end);
        Guarded<uint16_t> w16("w16", rows * depth, Place::at_end), brain("brain", rows * depth, Place::at_end);
        Guarded<float> expected("expected", rows, Place::at_end), got("got", rows, Place::at_end);
        fill_reals(x, -2, 2, Values::random, trial.random);
        fill_reals(w32, -2, 2, Values::random, trial.random);
        scalar().f32->narrow_f16(w16.data(), w32.data(), rows * depth);
        for (size_t i = 0; i < brain.size(); ++i)
          brain[i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(w32[i]) >> 16);
        const std::vector<float> tolerance = {2 * sum_tolerance(depth, 4.0 * static_cast<double>(depth))};
        scalar().f32->gemv_f32(expected.data(), x.data(), w32.data(), depth, rows, depth);
        kernels->f32->gemv_f32(got.data(), x.data(), w32.data(), depth, rows, depth);
        expect_near(trial, expected, got, tolerance);
        scalar().f32->gemv_f16(expected.data(), x.data(), w16.data(), depth, rows, depth);
        kernels->f32->gemv_f16(got.data(), x.data(), w16.data(), depth, rows, depth);
        expect_near(trial, expected, got, tolerance);
        scalar().f32->gemv_bf16(expected.data(), x.data(), brain.data(), depth, rows, depth);
        kernels->f32->gemv_bf16(got.data(), x.data(), brain.data(), depth, rows, depth);
        expect_near(trial, expected, got, tolerance);
      }
}

TEST_CASE("storage: all 65,536 halves widen alike, and block types too") {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  for (const simd::Kernels* kernels : levels_under_test()) {
    Trial trial("widen", *kernels, "every half");
    Guarded<float> expected("expected", halves.size(), Place::at_end), got("got", halves.size(), Place::at_end);
    scalar().f32->widen_f16(expected.data(), halves.data(), halves.size());
    kernels->f32->widen_f16(got.data(), halves.data(), halves.size());
    expect_equal(trial, expected, got);
    scalar().f32->widen_bf16(expected.data(), halves.data(), halves.size());
    kernels->f32->widen_bf16(got.data(), halves.data(), halves.size());
    expect_equal(trial, expected, got);
    Guarded<uint8_t> blocks("blocks", 4 * 34, Place::at_end);
    Guarded<float> wide("wide", 128, Place::at_end), wide_got("wide_got", 128, Place::at_end);
    fill_integers(blocks, 0, 63, Values::random, trial.random);  // scales stay finite
    scalar().f32->widen_q8_0(wide.data(), blocks.data(), 128);
    kernels->f32->widen_q8_0(wide_got.data(), blocks.data(), 128);
    expect_equal(trial, wide, wide_got);
    scalar().f32->widen_q4_0(wide.data(), blocks.data(), 128);
    kernels->f32->widen_q4_0(wide_got.data(), blocks.data(), 128);
    expect_equal(trial, wide, wide_got);
    scalar().f32->widen_q4_1(wide.data(), blocks.data(), 128);
    kernels->f32->widen_q4_1(wide_got.data(), blocks.data(), 128);
    expect_equal(trial, wide, wide_got);
  }
}

TEST_CASE("storage: floats narrow to halves alike") {
  for (const simd::Kernels* kernels : levels_under_test()) {
    Trial trial("narrow_f16", *kernels, "normal numbers, subnormal ones and too large ones");
    Guarded<float> values("values", 65536, Place::at_end);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = trial.random.normal() * std::ldexp(1.0f, static_cast<int>(i % 44) - 26);
    Guarded<uint16_t> expected("expected", values.size(), Place::at_end), got("got", values.size(), Place::at_end);
    scalar().f32->narrow_f16(expected.data(), values.data(), values.size());
    kernels->f32->narrow_f16(got.data(), values.data(), values.size());
    expect_equal(trial, expected, got);
  }
}

TEST_CASE("norms, finishing and RoPE: every level near scalar") {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t n : kWidths) {
      Trial trial("rows", *kernels, "%zu values", n);
      Guarded<float> x("x", n, Place::at_end), w("w", n, Place::at_end), b("b", n, Place::at_end);
      Guarded<float> expected("expected", n, Place::at_end), got("got", n, Place::misaligned);
      fill_reals(x, -3, 3, Values::random, trial.random);
      fill_reals(w, -2, 2, Values::random, trial.random);
      fill_reals(b, -2, 2, Values::random, trial.random);
      const std::vector<float> tolerance = {ulp_tolerance(64.0 + static_cast<double>(n) / 4, 16)};
      for (const float* weight : {static_cast<const float*>(nullptr), static_cast<const float*>(w.data())}) {
        scalar().f32->rms_norm(expected.data(), x.data(), weight, 1e-6f, n);
        kernels->f32->rms_norm(got.data(), x.data(), weight, 1e-6f, n);
        expect_near(trial, expected, got, tolerance);
        if (n > 2) {  // of one or two values the variance is all rounding
          scalar().f32->layer_norm(expected.data(), x.data(), weight, weight ? b.data() : nullptr, 1e-5f, n);
          kernels->f32->layer_norm(got.data(), x.data(), weight, weight ? b.data() : nullptr, 1e-5f, n);
          expect_near(trial, expected, got, tolerance);
        }
      }
      scalar().f32->finish_row(expected.data(), x.data(), b.data(), w.data(), x.data(), n);
      kernels->f32->finish_row(got.data(), x.data(), b.data(), w.data(), x.data(), n);
      expect_equal(trial, expected, got);
      for (size_t i = 0; i < n; ++i) expected[i] = got[i] = x[i];
      scalar().f32->rope_halves(expected.data(), w.data(), b.data(), n / 2);
      kernels->f32->rope_halves(got.data(), w.data(), b.data(), n / 2);
      expect_near(trial, expected, got, {ulp_tolerance(2, 16)});
      scalar().f32->rope_pairs(expected.data(), w.data(), b.data(), n / 2);
      kernels->f32->rope_pairs(got.data(), w.data(), b.data(), n / 2);
      expect_near(trial, expected, got, {ulp_tolerance(4, 32)});
    }
}

TEST_CASE("softmax_tile: masks, running maxima and rescaling as scalar") {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t columns : kWidths) {
      const size_t rows = 5, dims = 19;
      Trial trial("softmax_tile", *kernels, "%zu columns", columns);
      Guarded<float> expected("expected", rows * columns, Place::at_end), got("got", rows * columns, Place::at_end);
      Guarded<float> out_expected("out_expected", rows * dims, Place::at_end),
          out_got("out_got", rows * dims, Place::at_end);
      fill_reals(expected, -30, 30, Values::random, trial.random);
      for (size_t i = 0; i < got.size(); ++i) got[i] = expected[i];
      for (size_t i = 0; i < out_got.size(); ++i) out_expected[i] = out_got[i] = 1.0f;
      const float none = -std::numeric_limits<float>::infinity();
      Guarded<float> max_expected("max", rows, Place::at_end), sum_expected("sum", rows, Place::at_end);
      Guarded<float> max_got("max_got", rows, Place::at_end), sum_got("sum_got", rows, Place::at_end);
      Guarded<uint32_t> allowed("allowed", rows, Place::at_end);
      for (size_t row = 0; row < rows; ++row) {
        max_expected[row] = max_got[row] = row % 2 ? 3.0f : none;
        sum_expected[row] = sum_got[row] = row % 2 ? 1.5f : 0.0f;
        allowed[row] = static_cast<uint32_t>(row * columns / 4);  // from nothing to everything
      }
      scalar().f32->softmax_tile(expected.data(), columns, rows, columns, allowed.data(), 0.25f, max_expected.data(),
                                 sum_expected.data(), out_expected.data(), dims, dims);
      kernels->f32->softmax_tile(got.data(), columns, rows, columns, allowed.data(), 0.25f, max_got.data(),
                                 sum_got.data(), out_got.data(), dims, dims);
      expect_near(trial, expected, got, {ulp_tolerance(16, 1)});
      expect_equal(trial, max_expected, max_got);
      expect_near(trial, sum_expected, sum_got,
                  {ulp_tolerance(32.0 + static_cast<double>(columns), static_cast<double>(columns))});
      expect_near(trial, out_expected, out_got, {ulp_tolerance(16, 1)});
    }
}

TEST_CASE("pack_keys: tokens become columns of blocks, and the rest of the last block is zero") {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t count : {0, 1, 31, 32, 33, 70}) {
      const size_t dims = 17;
      Trial trial("pack_keys", *kernels, "%zu tokens", count);
      const size_t blocks = (count + simd::kKeyBlock - 1) / simd::kKeyBlock;
      Guarded<float> keys("keys", count * dims, Place::at_end);
      Guarded<float> got("got", blocks * dims * simd::kKeyBlock, Place::at_end);
      fill_reals(keys, -1, 1, Values::random, trial.random);
      kernels->f32->pack_keys(got.data(), 0, keys.data(), dims, count, dims);
      bool equal = true;
      for (size_t column = 0; column < blocks * simd::kKeyBlock; ++column)
        for (size_t i = 0; i < dims; ++i) {
          const float wanted = column < count ? keys[column * dims + i] : 0.0f;
          equal = equal &&
                  got[(column / simd::kKeyBlock * dims + i) * simd::kKeyBlock + column % simd::kKeyBlock] == wanted;
        }
      CHECK_MESSAGE(equal, trial.description());
    }
}

}  // namespace mica::kernel_test
