// The cache and attention over it against a twin in double precision that decodes every packed row. Not sessions:
// kv_session_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "float_storage.hpp"
#include "kernel_choice.hpp"
#include "kernels.hpp"
#include "kv_cache.hpp"
#include "own_bytes.hpp"

using namespace mica;

namespace {

constexpr size_t kLayers = 2, kKvHeads = 2, kGroup = 3;

struct Rows {
  std::vector<float> keys, values;
};

// A cache in memory of its own, and the rows that went into it.
class Cache {
 public:
  Cache(size_t head_dim, uint32_t text_bits, uint8_t visual_bits, KvRule rule, size_t tokens, uint32_t threads = 1)
      : d_(head_dim), pool_(threads) {
    DecoderSpec spec;
    spec.layers = kLayers;
    spec.kv_heads = kKvHeads;
    spec.heads = kKvHeads * kGroup;
    spec.head_dim = static_cast<uint32_t>(head_dim);
    KvSettings settings;
    settings.text_bits = text_bits;
    settings.levels.rule = rule;
    settings.visual_bits = {visual_bits, visual_bits};
    const KvCache::Room room{
        .tokens = tokens, .text = tokens, .span_tokens_min = KvCache::kSpanTokensMin, .span_tokens_max = tokens};
    Arena measure;
    cache.plan(spec, settings, room, &measure);
    Arena arena(own_bytes(measure.used(), &owned_), measure.used());
    cache.plan(spec, settings, room, &arena);
    compute_.kernels = find_kernels(nullptr);
    compute_.pool = &pool_;
    compute_.scratch_bytes = std::max(KvCache::scratch_bytes(spec, room), cache_attention_scratch_bytes(shape()));
    compute_.scratch = own_bytes(compute_.scratch_bytes * threads, &owned_);
    partials_.resize(cache_partial_floats(shape(), tokens) + 1);
  }

  AttentionShape shape() const {
    return {.heads = kKvHeads * kGroup, .kv_heads = kKvHeads, .head_dim = d_, .score_cap = score_cap};
  }

  // A chunk of `spans` and then `text` rows, of channels with means and different magnitudes. In their sequence, `first`
  // of the text rows stand before the spans.
  void append(const std::vector<uint32_t>& spans, size_t text, uint32_t seed, size_t first = 0) {
    size_t visual = 0;
    for (uint32_t tokens : spans) visual += tokens;
    std::vector<uint32_t> in_order(visual + text);
    for (size_t i = 0; i < in_order.size(); ++i)
      in_order[i] = static_cast<uint32_t>(i < first ? visual + i : i < first + visual ? i - first : i);
    const KvCache::Appended chunk{.count = visual + text,
                                  .visual = visual,
                                  .spans = spans.data(),
                                  .span_count = spans.size(),
                                  .in_order = in_order.data()};
    const size_t stride = 2 * kKvHeads * d_;
    for (size_t layer = 0; layer < kLayers; ++layer) {
      std::mt19937 random(seed + static_cast<uint32_t>(layer));
      std::normal_distribution<float> normal;
      std::vector<float> rows(chunk.count * stride + 1);
      std::vector<float> mean(stride);
      for (float& value : mean) value = normal(random);
      for (size_t i = 0; i < chunk.count * stride; ++i)
        rows[i] = mean[i % stride] + normal(random) * (0.5f + static_cast<float>(i % 5) * 0.25f);
      cache.append(compute_, layer, {rows.data(), rows.data() + kKvHeads * d_, stride, chunk.count}, chunk);
    }
    cache.advance(chunk);
  }

  // Every row of a layer and head as it is read, in the order of cached().
  Rows decoded(size_t layer, size_t head) {
    const CachedRows cached = cache.cached(layer);
    Rows out;
    for (size_t t = 0; t < cached.rows.count; ++t)
      for (size_t c = 0; c < d_; ++c) {
        const size_t key = head * cached.rows.key_head_stride + t / 32 * 32 * d_ + c * 32 + t % 32;
        const size_t value = head * cached.rows.value_head_stride + t * d_ + c;
        const bool widens = cached.rows.keys_f16 != nullptr;
        out.keys.push_back(widens ? simd::widen_half(cached.rows.keys_f16[key]) : cached.rows.keys_f32[key]);
        out.values.push_back(widens ? simd::widen_half(cached.rows.values_f16[value]) : cached.rows.values_f32[value]);
      }
    for (size_t i = 0; i < cached.span_count; ++i) decode_span(cached.spans[i], head, *cached.rotation, &out);
    return out;
  }

  std::vector<float> attend(size_t layer, const std::vector<float>& queries, size_t rows,
                            const CachedUnseen& unseen = {}) {
    std::vector<float> out(queries.size());
    const size_t stride = kKvHeads * kGroup * d_;
    cache_attention(compute_, shape(), queries.data(), stride, rows, cache.cached(layer, unseen), nullptr, 0,
                    partials_.data(), out.data(), stride);
    return out;
  }

  KvCache cache;
  float score_cap = 0;

 private:
  void decode_span(const PackedSpan& span, size_t head, const RowRotation& rotation, Rows* out) const {
    const size_t planes = span.layout.planes;
    const float half = static_cast<float>((1u << planes) - 1) / 2;
    std::vector<float> mid(d_), step(d_), row(d_);
    for (bool keys : {true, false}) {
      read_levels(*compute_.kernels->f32, span, head, keys, mid.data(), step.data());
      const simd::PackedRows rows = keys ? span.keys(head, 0, span.tokens) : span.values(head, 0, span.tokens);
      for (size_t t = 0; t < span.tokens; ++t) {
        for (size_t c = 0; c < d_; ++c) {
          float code = planes == 8 ? rows.codes[keys ? (t / 32 * d_ + c) * 32 + t % 32 : t * d_ + c] : 0.0f;
          for (size_t plane = 0; planes < 8 && plane < planes; ++plane) {
            const size_t key = ((t / 32 * planes + plane) * (d_ / 8) + c / 8) * 32 + t % 32;
            const size_t value = (t / 8 * planes + plane) * d_ + c;
            code += static_cast<float>((rows.codes[keys ? key : value] >> (keys ? c % 8 : t % 8) & 1) << plane);
          }
          const float scale = rows.token_scales ? simd::token_scale_value(rows.token_scales[t]) : 1.0f;
          row[c] = mid[c] + scale * step[c] * (code - half);
        }
        if (span.layout.is_rotated()) rotation.rotate_back(row.data());
        std::vector<float>& target = keys ? out->keys : out->values;
        target.insert(target.end(), row.begin(), row.end());
      }
    }
  }

  size_t d_;
  OwnedBytes owned_;
  ThreadPool pool_;
  Compute compute_;
  std::vector<float> partials_;
};

std::vector<float> random_queries(size_t rows, size_t head_dim) {
  std::mt19937 random(99);
  std::normal_distribution<float> normal;
  std::vector<float> queries(rows * kKvHeads * kGroup * head_dim);
  for (float& value : queries) value = normal(random);
  return queries;
}

// Which of the rows of decoded() a query does not see, which sees no token before `start`: rows of each kind lie in the
// order of the text.
class Hidden {
 public:
  enum class Order { together, text_first, visual_first };
  // Of all tokens in that order, those that are kept as text, and how decoded() has both kinds.
  Hidden(std::vector<bool> as_text, Order order) : as_text_(std::move(as_text)), order_(order) {}
  bool operator()(size_t row, size_t start) const {
    if (order_ == Order::together) return row < start;
    const size_t text = text_before(tokens()), text_unseen = text_before(start), unseen = start - text_unseen;
    const size_t first = order_ == Order::text_first ? text : tokens() - text;
    const bool is_text = (row < first) == (order_ == Order::text_first);
    return (row < first ? row : row - first) < (is_text ? text_unseen : unseen);
  }
  size_t text_before(size_t end) const {
    return static_cast<size_t>(std::count(as_text_.begin(), as_text_.begin() + static_cast<ptrdiff_t>(end), true));
  }
  size_t tokens() const { return as_text_.size(); }

 private:
  std::vector<bool> as_text_;
  Order order_;
};

// starts[row]: the first token that it sees; empty: all.
std::vector<double> twin(Cache* cache, size_t layer, const std::vector<float>& queries, size_t rows, size_t d,
                         const Hidden* hidden = nullptr, const std::vector<uint32_t>& starts = {}) {
  std::vector<double> out(queries.size());
  for (size_t head = 0; head < kKvHeads * kGroup; ++head) {
    const Rows decoded = cache->decoded(layer, head / kGroup);
    const size_t tokens = decoded.keys.size() / d;
    for (size_t row = 0; row < rows; ++row) {
      const float* q = queries.data() + (row * kKvHeads * kGroup + head) * d;
      std::vector<double> scores(tokens);
      double sum = 0;
      for (size_t t = 0; t < tokens; ++t) {
        for (size_t c = 0; c < d; ++c) scores[t] += static_cast<double>(q[c]) * decoded.keys[t * d + c];
        scores[t] /= std::sqrt(static_cast<double>(d));
        const auto cap = static_cast<double>(cache->score_cap);
        if (cap != 0) scores[t] = cap * std::tanh(scores[t] / cap);
        scores[t] = hidden && (*hidden)(t, starts[row]) ? 0 : std::exp(scores[t]);
        sum += scores[t];
      }
      for (size_t t = 0; t < tokens; ++t)
        for (size_t c = 0; c < d; ++c)
          out[(row * kKvHeads * kGroup + head) * d + c] += scores[t] / sum * decoded.values[t * d + c];
    }
  }
  return out;
}

double relative_error(const std::vector<float>& got, const std::vector<double>& wanted) {
  double difference = 0, square = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference += (got[i] - wanted[i]) * (got[i] - wanted[i]);
    square += wanted[i] * wanted[i];
  }
  return std::sqrt(difference / square);
}

}  // namespace

TEST_CASE("attention over packed rows is that over the rows they stand for") {
  struct Trial {
    size_t head_dim;
    uint32_t text_bits;
    uint8_t visual_bits;
    KvRule rule;
  };
  const Trial trials[] = {{64, 16, 1, KvRule::token},   {128, 16, 1, KvRule::token},    {80, 16, 2, KvRule::token},
                          {64, 4, 4, KvRule::token},    {64, 16, 1, KvRule::centroid},  {128, 4, 2, KvRule::quantile},
                          {64, 16, 4, KvRule::calibquant}, {64, 4, 16, KvRule::token}, {64, 16, 16, KvRule::token},
                          {64, 8, 1, KvRule::token},    {80, 8, 2, KvRule::centroid},   {128, 8, 16, KvRule::token},
                          {64, 32, 1, KvRule::token},   {80, 32, 32, KvRule::token}};
  for (const Trial& trial : trials) {
    Cache cache(trial.head_dim, trial.text_bits, trial.visual_bits, trial.rule, 4096);
    cache.append({}, 7, 1);
    cache.append({1, 31, 32, 33}, 5, 2);    // spans shorter than a block stay with the text
    cache.append({256, 1100}, 0, 3);        // longer than a tile of tokens
    cache.append({}, 1, 4);
    for (size_t rows : {1u, 3u, 5u, 70u}) {
      CAPTURE(trial.head_dim);
      CAPTURE(static_cast<int>(trial.rule));
      CAPTURE(static_cast<int>(trial.visual_bits));
      CAPTURE(rows);
      const std::vector<float> queries = random_queries(rows, trial.head_dim);
      // What rounding queries and attention weights to seven bits leaves; rows of bytes and floats have none of it.
      const double bound = trial.visual_bits >= 16 && trial.text_bits != 4 ? 1e-5 : 0.02;
      for (size_t layer = 0; layer < kLayers; ++layer)
        CHECK(relative_error(cache.attend(layer, queries, rows), twin(&cache, layer, queries, rows, trial.head_dim)) <
              bound);
    }
  }
}

// Text rows stand between the visual ones here, as in_order says.
TEST_CASE("attention within windows is that over the rows that they hold") {
  struct Trial {
    uint32_t text_bits;
    uint8_t visual_bits;
  };
  for (const Trial& trial : {Trial{16, 16}, Trial{16, 1}, Trial{8, 16}, Trial{8, 2}}) {
    Cache cache(64, trial.text_bits, trial.visual_bits, KvRule::token, 4096);
    std::vector<bool> as_text;
    const auto append = [&](size_t text_before, const std::vector<uint32_t>& spans, size_t text, uint32_t seed) {
      cache.append(spans, text_before + text, seed, text_before);
      as_text.insert(as_text.end(), text_before, true);
      const size_t shortest = trial.visual_bits == 16 ? 0 : KvCache::kSpanTokensMin;
      for (const uint32_t tokens : spans) as_text.insert(as_text.end(), tokens, tokens < shortest);
      as_text.insert(as_text.end(), text, true);
    };
    append(0, {}, 7, 1);
    append(3, {31, 40}, 5, 2);
    append(9, {256, 1100}, 1, 3);
    append(0, {}, 300, 4);
    const Hidden hidden(as_text, trial.visual_bits != 16 ? Hidden::Order::text_first
                                 : trial.text_bits == 16 ? Hidden::Order::together
                                                         : Hidden::Order::visual_first);
    for (const size_t rows : {1u, 3u, 5u, 70u}) {
      CAPTURE(static_cast<int>(trial.visual_bits));
      CAPTURE(rows);
      std::vector<uint32_t> all, text, visual;
      for (size_t row = 0; row < rows; ++row) {
        const size_t start = rows == 1 ? 1500 : (hidden.tokens() - 1) * row / (rows - 1);
        all.push_back(static_cast<uint32_t>(start));
        text.push_back(static_cast<uint32_t>(hidden.text_before(start)));
        visual.push_back(all.back() - text.back());
      }
      const std::vector<float> queries = random_queries(rows, 64);
      const std::vector<float> got = cache.attend(0, queries, rows, {all.data(), text.data(), visual.data()});
      const double bound = trial.visual_bits == 16 ? 1e-5 : 0.02;
      CHECK(relative_error(got, twin(&cache, 0, queries, rows, 64, &hidden, all)) < bound);
    }
  }
}

TEST_CASE("capped scores are capped before they become weights") {
  for (const uint8_t visual_bits : {uint8_t{1}, uint8_t{16}}) {
    Cache cache(64, 16, visual_bits, KvRule::token, 1024);
    cache.score_cap = 1.5f;
    cache.append({200}, 90, 1, 30);
    for (const size_t rows : {1u, 5u}) {
      const std::vector<float> queries = random_queries(rows, 64);
      const double error = relative_error(cache.attend(0, queries, rows), twin(&cache, 0, queries, rows, 64));
      CHECK(error < (visual_bits == 16 ? 1e-5 : 0.02));
    }
  }
}

TEST_CASE("one, two and three threads give the same bits") {
  for (uint8_t bits : {uint8_t{1}, uint8_t{16}}) {
    std::vector<float> first;
    for (uint32_t threads : {1u, 2u, 3u}) {
      Cache cache(128, 16, bits, KvRule::token, 8192, threads);
      cache.append({300, 256, 40}, 900, 5);
      cache.append({256, 2000}, 3, 6);
      const std::vector<float> queries = random_queries(2, 128);
      const std::vector<float> out = cache.attend(1, queries, 2);
      if (threads == 1) first = out;
      CHECK(std::memcmp(first.data(), out.data(), out.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("what is rewound leaves nothing behind") {
  for (uint32_t text_bits : {16u, 8u, 4u}) {
    Cache straight(64, text_bits, 1, KvRule::token, 1024), disturbed(64, text_bits, 1, KvRule::token, 1024);
    for (Cache* cache : {&straight, &disturbed}) cache->append({100}, 13, 7);
    const KvCache::Mark mark = disturbed.cache.mark();
    disturbed.append({64, 20, 200}, 50, 8);
    disturbed.cache.rewind(mark);
    for (Cache* cache : {&straight, &disturbed}) cache->append({40}, 9, 9);
    const std::vector<float> queries = random_queries(1, 64);
    const std::vector<float> a = straight.attend(0, queries, 1), b = disturbed.attend(0, queries, 1);
    CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
    CHECK(straight.cache.visual_bytes() == disturbed.cache.visual_bytes());
  }
}

TEST_CASE("bytes of a packed token: one bit a channel, a scale, and its share of the levels") {
  Cache cache(128, 16, 1, KvRule::token, 4096);
  // 16 bytes of keys, 16 of values, 2 of scales; 512 bytes of means a span.
  CHECK(cache.cache.span_bytes(256) == kLayers * kKvHeads * (256 * 34 + 512));
  CHECK(cache.cache.text_token_bytes() == kLayers * kKvHeads * 512);
  CHECK(static_cast<double>(cache.cache.text_token_bytes() * 256) / static_cast<double>(cache.cache.span_bytes(256)) >
        14);
}

TEST_CASE("spans that do not fit the room are not restored") {
  Cache cache(64, 16, 1, KvRule::token, 256);
  const uint32_t fits[] = {100, 156}, much[] = {200, 200}, shorter[] = {31};
  CHECK(cache.cache.can_hold({{0, 256, 2}, fits}));
  CHECK_FALSE(cache.cache.can_hold({{0, 400, 2}, much}));
  CHECK_FALSE(cache.cache.can_hold({{0, 31, 1}, shorter}));
  CHECK_FALSE(cache.cache.can_hold({{0, 255, 2}, fits}));
  CHECK_FALSE(cache.cache.can_hold({{300, 100, 1}, fits}));
}
