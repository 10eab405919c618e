// Rows of bytes and of float16 of the cache: every level near scalar, and near what the header says in doubles. Not
// look-ups: visual_kv_test.cpp.
#include <doctest/doctest.h>

#include "visual_kv_cases.hpp"

namespace mica::kernel_test {

TEST_CASE("visual_kv: scores and sums of bytes, every level near what the header says" * doctest::test_suite("timed")) {
  size_t round = 0;
  std::vector<const simd::Kernels*> all = levels_under_test();
  all.push_back(&scalar());
  for (const simd::Kernels* kernels : all)
    for (const Shape& shape : shapes({8})) {
      const Place place = place_of(++round);
      const size_t d = shape.head_dim, stride = shape.tokens + round % 3;
      Trial trial("bytes", *kernels, "%s", name_of(shape).c_str());
      const Span keys(shape, true, round % 2 == 0, place, Values::random, trial.random);
      const Span values(shape, false, round % 2 == 0, place, Values::all_high, trial.random);
      Guarded<float> q("q", shape.heads * d, place), p("p", (shape.heads - 1) * stride + shape.tokens, place);
      fill_reals(q, -1, 1, Values::random, trial.random);
      fill_attention(p, Values::all_low, trial.random);
      Guarded<float> scores("scores", p.size(), place), sums("sums", shape.heads * d, place);
      for (size_t i = 0; i < sums.size(); ++i) sums[i] = 1;
      kernels->visual_kv->scores_f32_u8(scores.data(), stride, keys.rows, q.data(), shape.heads);
      kernels->visual_kv->weighted_sum_f32_u8(sums.data(), values.rows, p.data(), stride, shape.heads);
      double worst = 0;  // in tolerances
      for (size_t h = 0; h < shape.heads; ++h) {
        std::vector<double> exact(d, 1.0), size(d, 1.0);
        for (size_t t = 0; t < shape.tokens; ++t) {
          double score = 0, terms = 0;
          for (size_t c = 0; c < d; ++c) {
            const double term = q[h * d + c] * (key_code(keys.rows, t, c) - 127.5) * scale_of(keys.rows, t);
            const double value = p[h * stride + t] * (value_code(values.rows, t, c) - 127.5) * scale_of(values.rows, t);
            score += term;
            terms += std::fabs(term);
            exact[c] += value;
            size[c] += std::fabs(value);
          }
          worst = std::max(worst, std::fabs(scores[h * stride + t] - score) / (2e-7 * static_cast<double>(d) * terms));
        }
        for (size_t c = 0; c < d; ++c)
          worst = std::max(worst, std::fabs(sums[h * d + c] - exact[c]) /
                                      (2e-7 * static_cast<double>(shape.tokens + 2) * size[c]));
      }
      CHECK_MESSAGE(worst <= 1, trial.description());
      time_call(trial, "scores_f32_u8", attention_work(shape), [&](const simd::Kernels& timed) {
        timed.visual_kv->scores_f32_u8(scores.data(), stride, keys.rows, q.data(), shape.heads);
      });
      time_call(trial, "weighted_sum_f32_u8", attention_work(shape), [&](const simd::Kernels& timed) {
        timed.visual_kv->weighted_sum_f32_u8(sums.data(), values.rows, p.data(), stride, shape.heads);
      });
    }
}

// Named so that it is left out where vcvtps2ph is emulated wrongly (tests/emulated/meson.build).
TEST_CASE("storage: floats narrow into blocks of keys alike" * doctest::test_suite("timed")) {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (size_t d : {size_t(64), size_t(72), size_t(136), size_t(512)}) {
      Trial trial("append_key_f16", *kernels, "head_dim %zu", d);
      const Place place = place_of(++round);
      Guarded<uint16_t> expected("keys", 32 * d, place), got("keys", 32 * d, place);
      Guarded<float> row("row", d, place);
      for (size_t t = 0; t < 32; ++t) {
        fill_reals(row, -4, 4, t == 3 ? Values::alternating : Values::random, trial.random);
        scalar().visual_kv->append_key_f16(expected.data(), t, row.data(), d);
        kernels->visual_kv->append_key_f16(got.data(), t, row.data(), d);
      }
      expect_equal(trial, expected, got);
      time_call(trial, "append_key_f16", bytes(6 * d), [&](const simd::Kernels& timed) {
        timed.visual_kv->append_key_f16(got.data(), 5, row.data(), d);
      });
    }
}

TEST_CASE("visual_kv: float16 rows, every level near scalar" * doctest::test_suite("timed")) {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Shape& shape : half_row_shapes()) {
      const Place place = place_of(++round);
      const size_t d = shape.head_dim, blocks = (shape.tokens + 31) / 32;
      Trial trial("float16 rows", *kernels, "%s", name_of(shape).c_str());
      Guarded<uint16_t> keys("keys", blocks * 32 * d, place), values("values", shape.tokens * d, place);
      Guarded<float> row("row", d, place), q("q", shape.heads * d, place);
      for (size_t t = 0; t < shape.tokens; ++t) {
        fill_reals(row, -4, 4, t == 3 ? Values::alternating : Values::random, trial.random);
        scalar().visual_kv->append_key_f16(keys.data() + t / 32 * 32 * d, t % 32, row.data(), d);
        scalar().f32->narrow_f16(values.data() + t * d, row.data(), d);
      }
      fill_reals(q, -1, 1, Values::random, trial.random);
      Guarded<float> expected("scores", shape.heads * shape.tokens, place), got("scores", expected.size(), place);
      scalar().visual_kv->scores_f32_f16(expected.data(), shape.tokens, keys.data(), q.data(), shape.heads,
                                         shape.tokens, d);
      kernels->visual_kv->scores_f32_f16(got.data(), shape.tokens, keys.data(), q.data(), shape.heads, shape.tokens, d);
      expect_near(trial, expected, got, {sum_tolerance(d, 4.0 * static_cast<double>(d))});
      Guarded<float> sums("sums", shape.heads * d, place), got_sums("sums", sums.size(), place);
      for (size_t i = 0; i < sums.size(); ++i) sums[i] = got_sums[i] = trial.random.normal();
      Guarded<float> p("p", shape.heads * shape.tokens, place);
      fill_attention(p, Values::random, trial.random);
      scalar().visual_kv->weighted_sum_f32_f16(sums.data(), values.data(), p.data(), shape.tokens, shape.heads,
                                               shape.tokens, d);
      kernels->visual_kv->weighted_sum_f32_f16(got_sums.data(), values.data(), p.data(), shape.tokens, shape.heads,
                                               shape.tokens, d);
      expect_near(trial, sums, got_sums,
                  {sum_tolerance(shape.tokens + 1, 4.0 * static_cast<double>(shape.tokens) + 5)});
      time_call(trial, "scores_f32_f16", attention_work(shape), [&](const simd::Kernels& timed) {
        timed.visual_kv->scores_f32_f16(got.data(), shape.tokens, keys.data(), q.data(), shape.heads, shape.tokens, d);
      });
      time_call(trial, "weighted_sum_f32_f16", attention_work(shape), [&](const simd::Kernels& timed) {
        timed.visual_kv->weighted_sum_f32_f16(got_sums.data(), values.data(), p.data(), shape.tokens, shape.heads,
                                              shape.tokens, d);
      });
    }
}

TEST_CASE("visual_kv: float16 scores and sums of scalar are those of plain arithmetic") {
  const size_t d = 72, tokens = 45;
  Random random(9);
  std::vector<float> rows(tokens * d), q(d), p(tokens), scores(tokens), sums(d, 1.0f);
  for (float& value : rows) value = std::floor(random.real(-64, 64)) / 16;  // exact in float16
  for (float& value : q) value = random.normal();
  for (float& value : p) value = random.real(0, 1);
  std::vector<uint16_t> keys(64 * d), values(tokens * d);
  for (size_t t = 0; t < tokens; ++t) {
    scalar().visual_kv->append_key_f16(&keys[t / 32 * 32 * d], t % 32, &rows[t * d], d);
    scalar().f32->narrow_f16(&values[t * d], &rows[t * d], d);
  }
  scalar().visual_kv->scores_f32_f16(scores.data(), tokens, keys.data(), q.data(), 1, tokens, d);
  scalar().visual_kv->weighted_sum_f32_f16(sums.data(), values.data(), p.data(), tokens, 1, tokens, d);
  for (size_t t = 0; t < tokens; ++t) {
    double exact = 0;
    for (size_t c = 0; c < d; ++c) exact += static_cast<double>(q[c]) * rows[t * d + c];
    CHECK(scores[t] == doctest::Approx(exact).epsilon(1e-4));
  }
  for (size_t c = 0; c < d; ++c) {
    double exact = 1;
    for (size_t t = 0; t < tokens; ++t) exact += static_cast<double>(p[t]) * rows[t * d + c];
    CHECK(sums[c] == doctest::Approx(exact).epsilon(1e-4));
  }
}

}  // namespace mica::kernel_test
