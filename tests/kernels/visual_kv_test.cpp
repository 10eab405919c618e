// Coded keys and values of the cache, read by look-ups: every level against scalar, bit by bit, and scalar against what
// the header says in plain double arithmetic. Not rows that are widened (visual_kv_rows_test.cpp) nor the cache itself.
#include <doctest/doctest.h>

#include "visual_kv_cases.hpp"

namespace mica::kernel_test {

TEST_CASE("visual_kv: tables of keys have the same bits at every level" * doctest::test_suite("timed")) {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Shape& shape : shapes())
      for (Values values : values_under_test()) {
        if (!timing() && shape.tokens != 1) continue;
        const size_t d = shape.head_dim;
        Trial trial("key_tables", *kernels, "%s, %s", name_of(shape).c_str(), name_of(values));
        const Place place = place_of(round++);
        Guarded<float> weights("weights", d, place);
        Guarded<uint8_t> expected("tables", simd::key_table_bytes(d), place), got("tables", expected.size(), place);
        fill_reals(weights, -3, 2, values, trial.random);
        Guarded<float> expected_terms("terms", 3, place), got_terms("terms", 3, place);
        scalar().visual_kv->key_tables(expected.data(), reinterpret_cast<KeyTerms*>(expected_terms.data()),
                                       weights.data(), d, shape.planes);
        kernels->visual_kv->key_tables(got.data(), reinterpret_cast<KeyTerms*>(got_terms.data()), weights.data(), d,
                                       shape.planes);
        expect_equal(trial, expected, got);
        expect_equal(trial, expected_terms, got_terms);
        time_call(trial, "key_tables", bytes(8 * d), [&](const simd::Kernels& timed) {
          timed.visual_kv->key_tables(got.data(), reinterpret_cast<KeyTerms*>(got_terms.data()), weights.data(), d,
                                      shape.planes);
        });
      }
}

TEST_CASE("visual_kv: no weights, tiny weights and huge weights make finite tables") {
  std::vector<const simd::Kernels*> all = levels_under_test();
  all.push_back(&scalar());
  for (const simd::Kernels* kernels : all)
    for (float weight : {0.0f, 1e-38f, -1e-33f, 1e30f, -1e36f}) {
      const std::vector<float> weights(64, weight);
      std::vector<uint8_t> tables(simd::key_table_bytes(64));
      KeyTerms terms = {};
      kernels->visual_kv->key_tables(tables.data(), &terms, weights.data(), 64, 1);
      const double all_ones = 32.0 * tables[weight > 0 ? 15 : 0];  // 16 tables, their greatest entry, twice
      CAPTURE(kernels->name);
      CAPTURE(weight);
      CHECK(std::isfinite(terms.scale));
      // Every channel at code - 1/2 = 1/2 with the weight's sign.
      const double sum = (all_ones / 2 - terms.centre) * terms.scale;
      CHECK(sum == doctest::Approx(std::fabs(weight) < 1e-30f ? 0 : 32.0 * std::fabs(weight)).epsilon(0.03));
    }
}

TEST_CASE("visual_kv: scores of coded keys have the same bits at every level" * doctest::test_suite("timed")) {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Shape& shape : shapes())
      for (Values values : {Values::random, Values::all_high}) {
        if (timing() && values != Values::random) continue;
        Trial trial("key_scores", *kernels, "%s, %s", name_of(shape).c_str(), name_of(values));
        const Place place = place_of(++round);
        const Span span(shape, true, round % 2 == 0, place, values, trial.random);
        const size_t table_bytes = simd::key_table_bytes(shape.head_dim);
        Guarded<uint8_t> tables("tables", shape.heads * table_bytes, place);
        std::vector<KeyTerms> terms(shape.heads);
        std::vector<float> weights(shape.head_dim);
        for (size_t h = 0; h < shape.heads; ++h) {
          fill_reals(weights.data(), weights.size(), -1, 1, values, trial.random);
          scalar().visual_kv->key_tables(&tables[h * table_bytes], &terms[h], weights.data(), shape.head_dim,
                                         shape.planes);
          terms[h].constant = trial.random.normal();
        }
        const size_t stride = shape.tokens + round % 3;
        const size_t count = (shape.heads - 1) * stride + shape.tokens;
        Guarded<float> expected("scores", count, place), got("scores", count, place);
        scalar().visual_kv->key_scores(expected.data(), stride, span.rows, tables.data(), terms.data(), shape.heads);
        kernels->visual_kv->key_scores(got.data(), stride, span.rows, tables.data(), terms.data(), shape.heads);
        if (!expect_equal(trial, expected, got)) return;
        time_call(trial, "key_scores", attention_work(shape), [&](const simd::Kernels& timed) {
          timed.visual_kv->key_scores(got.data(), stride, span.rows, tables.data(), terms.data(), shape.heads);
        });
      }
}

TEST_CASE("visual_kv: sums of coded values have the same bits at every level" * doctest::test_suite("timed")) {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Shape& shape : shapes())
      for (Values values : {Values::random, Values::all_high, Values::all_low}) {
        if (timing() && values != Values::random) continue;
        Trial trial("value_sums", *kernels, "%s, %s", name_of(shape).c_str(), name_of(values));
        const Place place = place_of(++round);
        const Span span(shape, false, round % 2 == 0, place, values, trial.random);
        const size_t stride = shape.tokens + round % 3;
        Guarded<float> p("p", (shape.heads - 1) * stride + shape.tokens, place);
        fill_attention(p, values, trial.random);
        Guarded<float> expected("sums", shape.heads * shape.head_dim, place), got("sums", expected.size(), place);
        for (size_t i = 0; i < expected.size(); ++i) expected[i] = got[i] = trial.random.normal();
        scalar().visual_kv->value_sums(expected.data(), span.rows, p.data(), stride, shape.heads);
        kernels->visual_kv->value_sums(got.data(), span.rows, p.data(), stride, shape.heads);
        if (!expect_equal(trial, expected, got)) return;
        time_call(trial, "value_sums", attention_work(shape), [&](const simd::Kernels& timed) {
          timed.visual_kv->value_sums(got.data(), span.rows, p.data(), stride, shape.heads);
        });
      }
}

TEST_CASE("visual_kv: scores are what the header says, within the rounding of weights") {
  for (const Shape& shape : shapes()) {
    Trial trial("key_scores", scalar(), "%s", name_of(shape).c_str());
    const Span span(shape, true, true, Place::at_end, Values::random, trial.random);
    std::vector<float> weights(shape.head_dim);
    for (float& weight : weights) weight = trial.random.normal();
    std::vector<uint8_t> tables(simd::key_table_bytes(shape.head_dim));
    KeyTerms terms = {};
    scalar().visual_kv->key_tables(tables.data(), &terms, weights.data(), shape.head_dim, shape.planes);
    terms.constant = 3;
    std::vector<float> scores(shape.tokens);
    scalar().visual_kv->key_scores(scores.data(), shape.tokens, span.rows, tables.data(), &terms, 1);
    double worst = 0;
    for (size_t t = 0; t < shape.tokens; ++t) {
      double exact = 0, size = 0;
      for (size_t c = 0; c < shape.head_dim; ++c) {
        const double level = key_code(span.rows, t, c) - top_of(span.rows) / 2;
        exact += weights[c] * level;
        size += std::fabs(level);
      }
      // Each integer is off by half a unit at most.
      const double bound = scale_of(span.rows, t) * (0.5 * terms.scale * size + 1e-5 * std::fabs(exact)) + 1e-5;
      worst = std::max(worst, std::fabs(scores[t] - (3 + scale_of(span.rows, t) * exact)) / bound);
    }
    CHECK_MESSAGE(worst <= 1, trial.description());
  }
}

TEST_CASE("visual_kv: sums are what the header says, within the rounding of weights") {
  for (const Shape& shape : shapes()) {
    Trial trial("value_sums", scalar(), "%s", name_of(shape).c_str());
    const Span span(shape, false, true, Place::at_end, Values::random, trial.random);
    Guarded<float> p("p", shape.tokens, Place::at_end);
    fill_attention(p, Values::random, trial.random);
    std::vector<float> sums(shape.head_dim);
    scalar().visual_kv->value_sums(sums.data(), span.rows, p.data(), shape.tokens, 1);
    double unit = 0;  // of the integers: the greatest sum of 16 weights over 255 - 16
    for (size_t t = 0; t < shape.tokens; t += 16) {
      double sixteen = 0;
      for (size_t i = t; i < std::min(t + 16, shape.tokens); ++i) sixteen += p[i] * scale_of(span.rows, i);
      unit = std::max(unit, sixteen / 239);
    }
    bool good = true;
    for (size_t c = 0; c < shape.head_dim; ++c) {
      double exact = 0;
      for (size_t t = 0; t < shape.tokens; ++t)
        exact += p[t] * scale_of(span.rows, t) * (value_code(span.rows, t, c) - top_of(span.rows) / 2);
      // Each integer is off by one at most: half of its own, half of what was carried. Errors of many tokens add up as
      // random ones do; six deviations.
      const double bound = 6 * unit * std::sqrt(static_cast<double>(shape.tokens) / 4) * top_of(span.rows) / 2;
      good = good && std::fabs(sums[c] - exact) <= bound + 1e-4 * std::fabs(exact);
    }
    CHECK_MESSAGE(good, trial.description());
  }
}

TEST_CASE("visual_kv: many small attention weights beside a large one are not lost") {
  const Shape shape{256, 1, 64, 1};
  Trial trial("value_sums", scalar(), "%s", name_of(shape).c_str());
  const Span span(shape, false, false, Place::at_end, Values::all_high, trial.random);
  Guarded<float> p("p", 256, Place::at_end);
  double total = 0;
  for (size_t t = 0; t < 256; ++t) {
    p[t] = t == 100 ? 0.8f : 0.2f / 255;  // each small one is below half of a unit, 0.81 / 239
    total += p[t];
  }
  std::vector<float> sums(64);
  scalar().visual_kv->value_sums(sums.data(), span.rows, p.data(), 256, 1);
  // All bits are set, so that each channel sums to half of the weights; at most half a unit is kept back 16 times.
  CHECK(std::fabs(sums[7] - total / 2) <= 8 * 0.82 / 239 / 2);
}

TEST_CASE("visual_kv: codes and scales have the same bits at every level, appended or at once" *
          doctest::test_suite("timed")) {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Shape& shape : shapes({1, 2, 4, 8})) {
      Trial trial("pack", *kernels, "%s", name_of(shape).c_str());
      const Place place = place_of(++round);
      const size_t d = shape.head_dim, stride = d + round % 2 * 3;
      Guarded<float> x("x", (shape.tokens - 1) * stride + d, place), mid("mid", d, place), step("step", d, place);
      fill_reals(x, -2, 3, kValues[round % 5], trial.random);
      fill_reals(mid, -1, 1, Values::random, trial.random);
      fill_reals(step, 0, 1, round % 4 == 0 ? Values::sparse : Values::random, trial.random);  // steps of 0 too
      const KvLevels levels{mid.data(), step.data()};
      Guarded<uint8_t> expected_scales("token_scales", shape.tokens, place);
      Guarded<uint8_t> scales("token_scales", shape.tokens, place);
      scalar().visual_kv->fit_token_scales(expected_scales.data(), x.data(), stride, shape.tokens, levels, d,
                                           shape.planes);
      kernels->visual_kv->fit_token_scales(scales.data(), x.data(), stride, shape.tokens, levels, d, shape.planes);
      expect_equal(trial, expected_scales, scales);
      const Work work = bytes(4 * shape.tokens * d);
      time_call(trial, "fit_token_scales", work, [&](const simd::Kernels& timed) {
        timed.visual_kv->fit_token_scales(scales.data(), x.data(), stride, shape.tokens, levels, d, shape.planes);
      });
      for (bool keys : {true, false}) {
        const auto pack = keys ? &simd::VisualKvKernels::pack_keys : &simd::VisualKvKernels::pack_values;
        const size_t bytes = keys ? simd::key_code_bytes(shape.tokens, d, shape.planes)
                                  : simd::value_code_bytes(shape.tokens, d, shape.planes);
        Guarded<uint8_t> expected("codes", bytes, place), got("codes", bytes, place);
        const uint8_t* token_scales = round % 3 == 0 ? nullptr : scales.data();
        (scalar().visual_kv->*pack)(expected.data(), 0, x.data(), stride, shape.tokens, levels, token_scales, d,
                                    shape.planes);
        for (size_t first = 0, count = 1; first < shape.tokens; first += count, count = first % 11 + 1) {
          count = std::min(count, shape.tokens - first);
          (kernels->visual_kv->*pack)(got.data(), first, x.data() + first * stride, stride, count, levels,
                                      token_scales ? token_scales + first : nullptr, d, shape.planes);
        }
        expect_equal(trial, expected, got);
        time_call(trial, keys ? "visual_kv.pack_keys" : "visual_kv.pack_values", work,
                  [&](const simd::Kernels& timed) {
                    (timed.visual_kv->*pack)(got.data(), 0, x.data(), stride, shape.tokens, levels, token_scales, d,
                                             shape.planes);
                  });
      }
    }
}

TEST_CASE("visual_kv: a code is the nearest level, at one bit the side of mid") {
  for (const Shape& shape : shapes({1, 2, 4, 8})) {
    Trial trial("pack", scalar(), "%s", name_of(shape).c_str());
    const size_t d = shape.head_dim;
    std::vector<float> x(shape.tokens * d), mid(d), step(d);
    for (float& value : x) value = trial.random.normal();
    for (float& value : mid) value = trial.random.real(-1, 1);
    for (float& value : step) value = trial.random.real(0.2f, 1);
    const KvLevels levels{mid.data(), step.data()};
    std::vector<uint8_t> scales(shape.tokens);
    std::vector<uint8_t> keys(simd::key_code_bytes(shape.tokens, d, shape.planes));
    std::vector<uint8_t> values(simd::value_code_bytes(shape.tokens, d, shape.planes));
    const simd::VisualKvKernels& kernels = *scalar().visual_kv;
    kernels.fit_token_scales(scales.data(), x.data(), d, shape.tokens, levels, d, shape.planes);
    kernels.pack_keys(keys.data(), 0, x.data(), d, shape.tokens, levels, scales.data(), d, shape.planes);
    kernels.pack_values(values.data(), 0, x.data(), d, shape.tokens, levels, scales.data(), d, shape.planes);
    const PackedRows key_rows{keys.data(), scales.data(), shape.tokens, d, shape.planes};
    const PackedRows value_rows{values.data(), scales.data(), shape.tokens, d, shape.planes};
    size_t wrong = 0;
    for (size_t t = 0; t < shape.tokens; ++t)
      for (size_t c = 0; c < d; ++c) {
        const double exact = (x[t * d + c] - mid[c]) / (step[c] * scale_of(key_rows, t)) + top_of(key_rows) / 2;
        const double nearest = std::clamp(std::round(exact), 0.0, top_of(key_rows));
        const bool tie = std::fabs(exact - std::floor(exact) - 0.5) < 1e-4;
        wrong += key_code(key_rows, t, c) != nearest && !tie;
        wrong += key_code(key_rows, t, c) != value_code(value_rows, t, c);
      }
    CHECK_MESSAGE(wrong == 0, trial.description());
  }
}

TEST_CASE("visual_kv: token scales are bytes of the range and steps that the header names") {
  for (int code = 0; code < 256; ++code) {
    const float value = simd::token_scale_value(static_cast<uint8_t>(code));
    CHECK(value == std::ldexp(1 + code % 8 / 8.0, code / 8 - 16));
    CHECK(simd::token_scale_code(value) == code);
    CHECK(simd::token_scale_code(value * 1.02f) == code);
  }
  CHECK(simd::token_scale_code(0) == 0);
  CHECK(simd::token_scale_code(-1) == 0);
  CHECK(simd::token_scale_code(NAN) == 0);
  CHECK(simd::token_scale_code(INFINITY) == 255);
}

TEST_CASE("visual_kv: token scales leave less error than their neighbours") {
  Random random(5);
  for (size_t planes : {size_t(1), size_t(2), size_t(4), size_t(8)})
    for (int round = 0; round < 20; ++round) {
      std::vector<float> x(128), mid(128), step(128);
      for (size_t c = 0; c < 128; ++c) {
        mid[c] = random.normal();
        step[c] = random.real(0.5f, 2);
        x[c] = mid[c] + random.real(0.1f, 9) * step[c] * random.normal();
      }
      uint8_t fitted = 0;
      scalar().visual_kv->fit_token_scales(&fitted, x.data(), 128, 1, {mid.data(), step.data()}, 128, planes);
      const auto error = [&](int code) {
        const double scale = std::ldexp(1 + code % 8 / 8.0, code / 8 - 16);
        const double top = (1 << planes) - 1;
        double sum = 0;
        for (size_t c = 0; c < 128; ++c) {
          const double distance = x[c] - mid[c];
          const double level = std::clamp(std::round(distance / (step[c] * scale) + top / 2), 0.0, top) - top / 2;
          sum += std::pow(distance - scale * step[c] * level, 2);
        }
        return sum;
      };
      // At more bits a minimum of codes that are the nearest; at one bit signs, whatever the scale.
      CHECK(error(fitted) <= error(fitted + 1) * 1.0001);
      CHECK(error(fitted) <= error(fitted - 1) * 1.0001);
    }
}

TEST_CASE("visual_kv: codes beyond the last token have no effect") {
  for (const Shape& shape : shapes()) {
    if (shape.tokens % 32 == 0) continue;
    Trial trial("padding", scalar(), "%s", name_of(shape).c_str());
    const Span keys(shape, true, false, Place::at_end, Values::random, trial.random);
    const Span values(shape, false, false, Place::at_end, Values::random, trial.random);
    const std::vector<float> weights(shape.head_dim, 0.5f);
    std::vector<uint8_t> tables(simd::key_table_bytes(shape.head_dim));
    KeyTerms terms = {};
    scalar().visual_kv->key_tables(tables.data(), &terms, weights.data(), shape.head_dim, shape.planes);
    Guarded<float> p("p", shape.tokens, Place::at_end);
    fill_attention(p, Values::random, trial.random);
    Guarded<float> scores[2] = {{"scores", shape.tokens, Place::at_end}, {"scores", shape.tokens, Place::at_end}};
    Guarded<float> sums[2] = {{"sums", shape.head_dim, Place::at_end}, {"sums", shape.head_dim, Place::at_end}};
    for (size_t i = 0; i < 2; ++i) {
      std::fill_n(sums[i].data(), shape.head_dim, 0.0f);
      scalar().visual_kv->key_scores(scores[i].data(), shape.tokens, keys.rows, tables.data(), &terms, 1);
      scalar().visual_kv->value_sums(sums[i].data(), values.rows, p.data(), shape.tokens, 1);
      const size_t last_group = (shape.tokens - 1) / 8 * shape.head_dim * shape.planes;
      for (size_t c = 0; c < shape.head_dim * shape.planes; ++c)
        values.codes[last_group + c] ^= static_cast<uint8_t>(0xFF << ((shape.tokens - 1) % 8 + 1));
      for (size_t t = shape.tokens % 32; t < 32; ++t)
        for (size_t row = 0; row < shape.planes * shape.head_dim / 8; ++row)
          keys.codes[keys.codes.size() - (row + 1) * 32 + t] ^= 0xFF;
    }
    expect_equal(trial, scores[0], scores[1]);
    expect_equal(trial, sums[0], sums[1]);
  }
}

}  // namespace mica::kernel_test
