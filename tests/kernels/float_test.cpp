// Float kernels: every level against scalar, over odd sizes, within tolerances that are derived from the sums' lengths.
// Not attention as a whole: tests/engine.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "harness.hpp"

namespace mica::kernel_test {
namespace {

std::vector<size_t> widths() {
  if (timing()) return {std::begin(kTimedWidths), std::end(kTimedWidths)};
  return {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 64, 80, 129, 576};
}

struct Product {
  size_t rows, columns, depth;
};

// Timed: a slab of a layer, and a tile of attention, 32 queries by 256 keys of 128.
std::vector<Product> products() {
  if (timing()) return {{384, 64, 256}, {32, 256, 128}};
  std::vector<Product> all;
  for (size_t rows : {1, 3, 4, 6, 11, 13})
    for (size_t columns : {1, 7, 16, 32, 45})
      for (size_t depth : {1, 16, 77}) all.push_back({rows, columns, depth});
  return all;
}

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

// Kernels on rows of n values, each by itself.
void time_rows(const Trial& trial, float* out, const float* x, const float* weight, const float* bias, size_t n) {
  time_call(trial, "rms_norm", bytes(12 * n),
            [=](const simd::Kernels& timed) { timed.f32->rms_norm(out, x, weight, 1e-6f, n); });
  time_call(trial, "layer_norm", bytes(16 * n),
            [=](const simd::Kernels& timed) { timed.f32->layer_norm(out, x, weight, bias, 1e-5f, n); });
  time_call(trial, "finish_row", bytes(16 * n),
            [=](const simd::Kernels& timed) { timed.f32->finish_row(out, x, bias, nullptr, weight, n); });
  // In place: what grows is set back.
  time_call(trial, "rope_halves", bytes(20 * n), [=](const simd::Kernels& timed) {
    std::memcpy(out, x, n * sizeof(float));
    timed.f32->rope_halves(out, weight, bias, n / 2);
  });
  time_call(trial, "rope_pairs", bytes(20 * n), [=](const simd::Kernels& timed) {
    std::memcpy(out, x, n * sizeof(float));
    timed.f32->rope_pairs(out, weight, bias, n / 2);
  });
}

}  // namespace

TEST_CASE("gemm_f32: every level equals scalar within the rounding of its sums" * doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : levels_under_test())
    for (const auto& [rows, columns, depth] : products())
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
        const auto multiply = [&, rows = rows, columns = columns, depth = depth](const simd::Kernels& level,
                                                                                 const Guarded<float>& c) {
          level.f32->gemm_f32(c.data(), columns, a.data(), depth, b.data(), columns, rows, columns, depth, accumulate);
        };
        multiply(scalar(), expected);
        multiply(*kernels, got);
        if (!expect_near(trial, expected, got, tolerances)) return;
        time_call(trial, "gemm_f32", operations(2 * rows * columns * depth),
                  [&](const simd::Kernels& timed) { multiply(timed, got); });
      }
}

namespace {

struct StoredRow {
  const char* name;
  size_t block_values, block_bytes;
};
constexpr StoredRow kStoredRows[] = {
#define MICA_STORED_TYPE(type, name, number, values, bytes) {#type, values, bytes},
#include "stored_types.inc"
};

}  // namespace

TEST_CASE("gemv: every type of weights, every level" * doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t type = 0; type < simd::kStoredTypes; ++type)
      for (size_t width : timing() ? std::vector<size_t>{4096} : std::vector<size_t>{1, 7, 33, 300, 576})
        for (size_t rows : timing() ? std::vector<size_t>{64} : std::vector<size_t>{1, 5}) {
          const StoredRow& stored = kStoredRows[type];
          const size_t blocks = (width + stored.block_values - 1) / stored.block_values;
          const size_t depth = blocks * stored.block_values, stride = blocks * stored.block_bytes;
          Trial trial("gemv", *kernels, "%zu rows of %zu %s", rows, depth, stored.name);
          Guarded<float> x("x", depth, Place::at_end), wide("wide", depth, Place::at_end);
          Guarded<uint8_t> w("w", rows * stride, Place::at_end, 4);
          Guarded<float> expected("expected", rows, Place::at_end), got("got", rows, Place::at_end);
          fill_reals(x, -2, 2, Values::random, trial.random);
          fill_integers(w, 0, 63, Values::random, trial.random);  // scales stay finite
          double magnitude = 0, rounded = 0;
          for (size_t row = 0; row < rows; ++row) {
            double sum = 0, weights = 0;
            scalar().f32->widen[type](wide.data(), w.data() + row * stride, depth);
            for (size_t i = 0; i < depth; ++i) {
              sum += std::fabs(double{wide[i]} * double{x[i]});
              weights += std::fabs(double{wide[i]});
            }
            magnitude = std::max(magnitude, sum);
            rounded = std::max(rounded, weights);
          }
          Guarded<float> scratch("scratch", simd::gemv_scratch_bytes(depth) / sizeof(float) + 1, Place::at_end);
          scalar().f32->gemv[type](expected.data(), x.data(), w.data(), stride, rows, depth, scratch.data());
          kernels->f32->round_words(x.data(), depth, scratch.data());
          kernels->f32->gemv[type](got.data(), x.data(), w.data(), stride, rows, depth, scratch.data());
          // Activations of at most 2 may be rounded by half of 2 / 32767. A group's minimum and its values are summed
          // apart: what they cancel is at most nine times what is left of these codes.
          const double step = stored.block_values == 1 ? 0 : 10 * rounded / 32767;
          expect_near(trial, expected, got, {static_cast<float>(10 * sum_tolerance(depth, magnitude) + step)});
          const std::string name = std::string("gemv_") + stored.name;
          time_call(trial, name.c_str(), bytes(rows * stride), [&](const simd::Kernels& timed) {
            timed.f32->round_words(x.data(), depth, scratch.data());
            timed.f32->gemv[type](got.data(), x.data(), w.data(), stride, rows, depth, scratch.data());
          });
        }
}

TEST_CASE("gemv_rows: each of several rows of activations has the bits that it has alone" *
          doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t type = 0; type < simd::kStoredTypes; ++type)
      for (size_t width : timing() ? std::vector<size_t>{4096} : std::vector<size_t>{33, 300, 576})
        for (size_t count : timing() ? std::vector<size_t>{8} : std::vector<size_t>{1, 3, 8}) {
          const StoredRow& stored = kStoredRows[type];
          const size_t rows = timing() ? 64 : 5, blocks = (width + stored.block_values - 1) / stored.block_values;
          const size_t depth = blocks * stored.block_values, stride = blocks * stored.block_bytes;
          const size_t x_stride = depth + 3, y_stride = rows + 2;
          Trial trial("gemv_rows", *kernels, "%zu rows of %zu %s by %zu", rows, depth, stored.name, count);
          Guarded<float> x("x", (count - 1) * x_stride + depth, Place::at_end);
          Guarded<uint8_t> w("w", rows * stride, Place::at_end, 4);
          Guarded<float> expected("expected", (count - 1) * y_stride + rows, Place::at_end);
          Guarded<float> got("got", (count - 1) * y_stride + rows, Place::at_end);
          fill_reals(x, -2, 2, Values::random, trial.random);
          fill_integers(w, 0, 63, Values::random, trial.random);
          const size_t scratch_floats = simd::gemv_scratch_bytes(depth) / sizeof(float);
          Guarded<float> scratch("scratch", count * scratch_floats + 1, Place::at_end);
          std::fill_n(expected.data(), (count - 1) * y_stride + rows, 7.0f);
          std::fill_n(got.data(), (count - 1) * y_stride + rows, 7.0f);
          const auto round = [&](const simd::Kernels& level) {
            for (size_t i = 0; i < count; ++i)
              level.f32->round_words(x.data() + i * x_stride, depth, scratch.data() + i * scratch_floats);
          };
          round(*kernels);
          for (size_t i = 0; i < count; ++i)
            kernels->f32->gemv[type](expected.data() + i * y_stride, x.data() + i * x_stride, w.data(), stride, rows,
                                     depth, scratch.data() + i * scratch_floats);
          const simd::GemvRows activations{got.data(), y_stride, x.data(), x_stride, count};
          kernels->f32->gemv_rows[type](activations, w.data(), stride, rows, depth, scratch.data());
          expect_equal(trial, expected, got);
          const std::string name = std::string("gemv_rows_") + stored.name;
          time_call(trial, name.c_str(), bytes(rows * stride), [&](const simd::Kernels& timed) {
            round(timed);
            timed.f32->gemv_rows[type](activations, w.data(), stride, rows, depth, scratch.data());
          });
        }
}

TEST_CASE("storage: all 65,536 halves widen alike" * doctest::test_suite("timed")) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  for (const simd::Kernels* kernels : levels_under_test()) {
    Trial trial("widen", *kernels, "every half");
    Guarded<float> expected("expected", halves.size(), Place::at_end), got("got", halves.size(), Place::at_end);
    scalar().f32->widen_f16(expected.data(), halves.data(), halves.size());
    kernels->f32->widen_f16(got.data(), halves.data(), halves.size());
    expect_equal(trial, expected, got);
    const auto* stored = reinterpret_cast<const uint8_t*>(halves.data());
    const auto brain = static_cast<size_t>(simd::StoredType::bf16);
    scalar().f32->widen[brain](expected.data(), stored, halves.size());
    kernels->f32->widen[brain](got.data(), stored, halves.size());
    expect_equal(trial, expected, got);
    time_call(trial, "widen_f16", bytes(6 * halves.size()), [&](const simd::Kernels& timed) {
      timed.f32->widen_f16(got.data(), halves.data(), halves.size());
    });
  }
}

TEST_CASE("storage: every type of weights widens alike" * doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t i = 0; i < simd::kStoredTypes; ++i)
      for (size_t count : timing() ? std::vector<size_t>{2048} : std::vector<size_t>{1, 4, 37}) {
        const StoredRow& type = kStoredRows[i];
        const std::string name = std::string("widen_") + type.name;
        const size_t values = count * type.block_values;
        Trial trial(name.c_str(), *kernels, "%zu values", values);
        Guarded<uint8_t> blocks("blocks", count * type.block_bytes, Place::at_end, 4);
        Guarded<float> expected("expected", values, Place::at_end), got("got", values, Place::at_end);
        fill_integers(blocks, 0, 63, Values::random, trial.random);  // scales stay finite
        scalar().f32->widen[i](expected.data(), blocks.data(), values);
        kernels->f32->widen[i](got.data(), blocks.data(), values);
        expect_equal(trial, expected, got);
        time_call(trial, name.c_str(), bytes(count * type.block_bytes + 4 * values), [&](const simd::Kernels& timed) {
          timed.f32->widen[i](got.data(), blocks.data(), values);
        });
      }
}

TEST_CASE("storage: floats narrow to halves alike" * doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : levels_under_test()) {
    Trial trial("narrow_f16", *kernels, "normal numbers, subnormal ones and too large ones");
    Guarded<float> values("values", 65536, Place::at_end);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = trial.random.normal() * std::ldexp(1.0f, static_cast<int>(i % 44) - 26);
    Guarded<uint16_t> expected("expected", values.size(), Place::at_end), got("got", values.size(), Place::at_end);
    scalar().f32->narrow_f16(expected.data(), values.data(), values.size());
    kernels->f32->narrow_f16(got.data(), values.data(), values.size());
    expect_equal(trial, expected, got);
    time_call(trial, "narrow_f16", bytes(6 * values.size()), [&](const simd::Kernels& timed) {
      timed.f32->narrow_f16(got.data(), values.data(), values.size());
    });
  }
}

TEST_CASE("norms, finishing and RoPE: every level near scalar" * doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t n : widths()) {
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
      time_rows(trial, got.data(), x.data(), w.data(), b.data(), n);
    }
}

TEST_CASE("softmax_tile: masks, running maxima and rescaling as scalar" * doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t columns : widths()) {
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
      time_call(trial, "softmax_tile", bytes(8 * rows * columns), [&](const simd::Kernels& timed) {
        timed.f32->softmax_tile(got.data(), columns, rows, columns, nullptr, 0.25f, max_got.data(), sum_got.data(),
                                out_got.data(), dims, dims);
      });
    }
}

TEST_CASE("pack_keys: tokens become columns of blocks, and the rest of the last block is zero" *
          doctest::test_suite("timed")) {
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t count : timing() ? std::vector<size_t>{1024} : std::vector<size_t>{0, 1, 31, 32, 33, 70}) {
      const size_t dims = timing() ? 128 : 17;
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
      time_call(trial, "pack_keys", bytes(8 * count * dims), [&](const simd::Kernels& timed) {
        timed.f32->pack_keys(got.data(), 0, keys.data(), dims, count, dims);
      });
    }
}

TEST_CASE("delta_step: a state, what it gives and what it will be asked, within the rounding of their sums" *
          doctest::test_suite("timed")) {
  constexpr size_t kColumns = simd::kDeltaColumns;
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t dims : timing() ? std::vector<size_t>{128} : std::vector<size_t>{1, 2, 7, 24, 128}) {
      const float decay = timing() ? 1.0f : 0.75f, strength = timing() ? 0.0f : 0.625f;  // timed: the state stays
      Trial trial("delta_step", *kernels, "keys of %zu", dims);
      Guarded<float> query("query", dims, Place::misaligned), key("key", dims, Place::at_end);
      Guarded<float> next("next", dims, Place::at_end);
      Guarded<float> state("state", dims * kColumns, Place::at_end);
      Guarded<float> got_state("got_state", dims * kColumns, Place::at_end);
      Guarded<float> values("values", kColumns, Place::at_end), got_values("got_values", kColumns, Place::at_end);
      Guarded<float> sums("sums", kColumns, Place::at_end), got_sums("got_sums", kColumns, Place::at_end);
      for (const Guarded<float>* x : {&query, &key, &next, &state, &values, &sums})
        fill_reals(*x, -1, 1, Values::random, trial.random);
      std::vector<float> cell_tolerances, value_tolerances, sum_tolerances;
      for (size_t i = 0; i < state.size(); ++i) {
        const size_t column = i % kColumns;
        const float change = strength * (std::abs(values[column]) + decay * std::abs(sums[column]));
        const float magnitude = decay * std::abs(state[i]) + std::abs(key[i / kColumns]) * change;
        cell_tolerances.push_back(2 * sum_tolerance(6, magnitude));
      }
      for (size_t column = 0; column < kColumns; ++column) {
        const float change = strength * (std::abs(values[column]) + decay * std::abs(sums[column]));
        double given = 0, given_next = 0;
        for (size_t i = 0; i < dims; ++i) {
          const float cell = decay * std::abs(state[i * kColumns + column]) + std::abs(key[i]) * change;
          given += std::abs(double{query[i]} * cell);
          given_next += std::abs(double{next[i]} * cell);
        }
        value_tolerances.push_back(2 * sum_tolerance(dims + 6, given));
        sum_tolerances.push_back(2 * sum_tolerance(dims + 6, given_next));
      }
      for (size_t i = 0; i < state.size(); ++i) got_state[i] = state[i];
      for (size_t i = 0; i < kColumns; ++i) got_values[i] = values[i], got_sums[i] = sums[i];
      scalar().f32->delta_step(state.data(), dims, query.data(), key.data(), next.data(), decay, strength,
                               values.data(), sums.data());
      kernels->f32->delta_step(got_state.data(), dims, query.data(), key.data(), next.data(), decay, strength,
                               got_values.data(), got_sums.data());
      expect_near(trial, state, got_state, cell_tolerances);
      expect_near(trial, values, got_values, value_tolerances);
      expect_near(trial, sums, got_sums, sum_tolerances);
      time_call(trial, "delta_step", operations(7 * dims * kColumns), [&](const simd::Kernels& timed) {
        timed.f32->delta_step(got_state.data(), dims, query.data(), key.data(), next.data(), decay, strength,
                              got_values.data(), got_sums.data());
      });
    }
}

}  // namespace mica::kernel_test
