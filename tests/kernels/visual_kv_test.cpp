// Keys and values of the cache: every level against scalar, bit by bit where codes are read, and scalar against what
// the header says in plain double arithmetic. Not the cache itself (tests/ops).
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "harness.hpp"

namespace mica::kernel_test {

namespace {

using simd::KeyTerms;
using simd::KvLevels;
using simd::PackedRows;

struct Shape {
  size_t tokens, heads, head_dim, planes;
};

// Head dims beside vector widths, tokens beside blocks, chunks and one-token spans, heads beside the tiles of heads.
std::vector<Shape> shapes(const std::vector<size_t>& bits = {1, 2, 4}) {
  std::vector<Shape> all;
  const std::vector<size_t> tokens = reduced() ? std::vector<size_t>{1, 33, 130}
                                               : std::vector<size_t>{1, 7, 31, 32, 33, 64, 65, 100, 130, 256, 300, 513};
  const std::vector<size_t> dims =
      reduced() ? std::vector<size_t>{64, 80} : std::vector<size_t>{64, 72, 80, 96, 128, 136, 256, 512};
  size_t heads = 0;
  for (size_t head_dim : dims)
    for (size_t count : tokens)
      for (size_t planes : bits) all.push_back({count, heads++ % 7 + 1, head_dim, planes});
  return all;
}

std::string name_of(const Shape& shape) {
  return "tokens " + std::to_string(shape.tokens) + ", heads " + std::to_string(shape.heads) + ", head_dim " +
         std::to_string(shape.head_dim) + ", planes " + std::to_string(shape.planes);
}

Place place_of(size_t i) { return kPlaces[i % 3]; }

// Codes of a span with random bits everywhere, also beyond its last token, and random token scales.
struct Span {
  Guarded<uint8_t> codes, scales;
  PackedRows rows;

  Span(const Shape& shape, bool keys, bool with_scales, Place place, Values values, Random& random)
      : codes("codes", keys ? simd::key_code_bytes(shape.tokens, shape.head_dim, shape.planes)
                            : simd::value_code_bytes(shape.tokens, shape.head_dim, shape.planes), place),
        scales("token_scales", shape.tokens, place),
        rows{codes.data(), with_scales ? scales.data() : nullptr, shape.tokens, shape.head_dim, shape.planes} {
    fill_integers(codes, 0, 255, values, random);
    fill_integers(scales, 100, 150, Values::random, random);
    if (!with_scales) scales.forbid();
  }
};

// The code of token t, channel c, read as the header describes the layouts.
unsigned key_code(const PackedRows& rows, size_t t, size_t c) {
  if (rows.planes == 8) return rows.codes[(t / 32 * rows.head_dim + c) * 32 + t % 32];
  unsigned code = 0;
  for (size_t j = 0; j < rows.planes; ++j) {
    const size_t pair = (t / 32 * rows.planes + j) * (rows.head_dim / 8) + c / 8;
    code |= (rows.codes[pair * 32 + t % 32] >> c % 8 & 1u) << j;
  }
  return code;
}

unsigned value_code(const PackedRows& rows, size_t t, size_t c) {
  if (rows.planes == 8) return rows.codes[t * rows.head_dim + c];
  unsigned code = 0;
  for (size_t j = 0; j < rows.planes; ++j)
    code |= (rows.codes[(t / 8 * rows.planes + j) * rows.head_dim + c] >> t % 8 & 1u) << j;
  return code;
}

double scale_of(const PackedRows& rows, size_t t) {
  if (!rows.token_scales) return 1;
  const int code = rows.token_scales[t];
  return std::ldexp(1 + code % 8 / 8.0, code / 8 - 16);
}

double top_of(const PackedRows& rows) { return (1 << rows.planes) - 1; }

// Attention weights: random ones, or one large among many small ones.
void fill_attention(const Guarded<float>& p, Values values, Random& random) {
  fill_reals(p, 0, 1, values, random);
  if (values == Values::all_low)
    for (size_t i = 0; i < p.size(); ++i) p[i] = i % 97 == 5 ? 0.9f : 3e-4f * random.real(0, 1);
}

}  // namespace

TEST_CASE("visual_kv: tables of keys have the same bits at every level") {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Shape& shape : shapes())
      for (Values values : kValues) {
        if (shape.tokens != 1) continue;
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

TEST_CASE("visual_kv: scores of coded keys have the same bits at every level") {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Shape& shape : shapes())
      for (Values values : {Values::random, Values::all_high}) {
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
      }
}

TEST_CASE("visual_kv: sums of coded values have the same bits at every level") {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Shape& shape : shapes())
      for (Values values : {Values::random, Values::all_high, Values::all_low}) {
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

TEST_CASE("visual_kv: codes and scales have the same bits at every level, appended or at once") {
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

TEST_CASE("visual_kv: scores and sums of bytes, every level near what the header says") {
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
    }
}

TEST_CASE("visual_kv: float16 rows, every level near scalar") {
  size_t round = 0;
  for (const simd::Kernels* kernels : levels_under_test())
    for (const Shape& shape : shapes()) {
      if (shape.planes != 1) continue;
      const Place place = place_of(++round);
      const size_t d = shape.head_dim, blocks = (shape.tokens + 31) / 32;
      Trial trial("float16 rows", *kernels, "%s", name_of(shape).c_str());
      Guarded<uint16_t> keys("keys", blocks * 32 * d, place), values("values", shape.tokens * d, place);
      Guarded<uint16_t> got_keys("keys", keys.size(), place), got_values("values", values.size(), place);
      Guarded<float> row("row", d, place), q("q", shape.heads * d, place);
      const auto append = [&](const simd::Kernels& level, size_t t, uint16_t* key_blocks, uint16_t* value_rows) {
        level.visual_kv->append_key_f16(key_blocks + t / 32 * 32 * d, t % 32, row.data(), d);
        level.f32->narrow_f16(value_rows + t * d, row.data(), d);
      };
      for (size_t t = 0; t < shape.tokens; ++t) {
        fill_reals(row, -4, 4, t == 3 ? Values::alternating : Values::random, trial.random);
        append(scalar(), t, keys.data(), values.data());
        append(*kernels, t, got_keys.data(), got_values.data());
      }
      expect_equal(trial, keys, got_keys);
      expect_equal(trial, values, got_values);
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
