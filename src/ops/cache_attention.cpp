// CacheAttention: tasks, tiles and their merging. Not arithmetic: simd/.
#include "cache_attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "attention_tile.hpp"
#include "checked.hpp"

namespace mica {
namespace {

using simd::kValueChunk;

// Rows of a chunk up to which the cached tokens are cut in tiles: decode, and what a second guess may ask at once.
constexpr size_t kFewRows = 4;
constexpr size_t kTileTokensMin = 4 * kValueChunk;
constexpr size_t kTokenTilesMax = 32;
// CalibQuant's published code draws the scores of visual tokens together by tau = 3 at one and two bits. Scores whose
// range is smaller would change their order, so tau is at most this share of the range.
constexpr float kTau = 3.0f;
constexpr float kTauOfRange = 0.5f;

struct Scratch {
  TileScratch tile;
  float* plain;        // [kTileRows][d]: the queries
  float* rotated;      // [kTileRows][d]
  uint8_t* tables;     // [kTileRows][4 d]
  simd::KeyTerms* terms;  // [kTileRows]
  float* scores;       // [kTileRows][kValueChunk]
  float* sums;         // [kTileRows][d]
  float* levels;       // [5][d]: mid and step of keys and of values; a query times the steps
  float* out;          // [kTileRows][d]
  float* out_rotated;  // [kTileRows][d]
  float* max;          // [kTileRows], and so the rest
  float* sum;
  float* max_before;
  float* sum_before;
};

constexpr size_t kRowFloats = 64;  // kTileRows, padded to whole cache lines

size_t scratch_floats(size_t d) {
  const size_t terms = round_up(kTileRows * sizeof(simd::KeyTerms) / sizeof(float), 16);
  return round_up(tile_scratch_floats(d), 16) + kTileRows * (6 * d + kValueChunk) + terms + 5 * d + 4 * kRowFloats;
}

Scratch split(float* base, size_t d) {
  Scratch s;
  s.tile = split_tile_scratch(base, d);
  s.plain = base + round_up(tile_scratch_floats(d), 16);
  s.rotated = s.plain + kTileRows * d;
  s.sums = s.rotated + kTileRows * d;
  s.out = s.sums + kTileRows * d;
  s.out_rotated = s.out + kTileRows * d;
  s.tables = reinterpret_cast<uint8_t*>(s.out_rotated + kTileRows * d);
  s.scores = s.out_rotated + 2 * kTileRows * d;
  s.levels = s.scores + kTileRows * kValueChunk;
  s.max = s.levels + 5 * d;
  s.sum = s.max + kRowFloats;
  s.max_before = s.sum + kRowFloats;
  s.sum_before = s.max_before + kRowFloats;
  s.terms = reinterpret_cast<simd::KeyTerms*>(s.sum_before + kRowFloats);
  return s;
}

// The queries of one task: `heads` heads of a KV head's group, `rows` rows; query vector h * rows + r.
struct Queries {
  size_t kv_head, first_head, heads, first_row, rows;
  size_t count() const { return heads * rows; }
};

// Work of one task on the rows that it is given.
class Worker {
 public:
  Worker(const Compute& compute, const AttentionShape& shape, const float* queries, size_t query_stride,
         const CachedRows& cached, const Queries& which, float* scratch)
      : kernels_(*compute.kernels),
        shape_(shape),
        d_(shape.head_dim),
        scale_(1.0f / std::sqrt(static_cast<float>(d_))),
        cached_(cached),
        which_(which),
        s_(split(scratch, d_)) {
    for (size_t h = 0; h < which.heads; ++h)
      for (size_t row = 0; row < which.rows; ++row)
        std::memcpy(s_.plain + (h * which.rows + row) * d_,
                    queries + (which.first_row + row) * query_stride + (which.first_head + h) * d_, d_ * sizeof(float));
    begin_softmax({s_.out, s_.max, s_.sum}, which.count(), d_);
    if (std::any_of(cached.spans, cached.spans + cached.span_count,
                    [](const PackedSpan& span) { return span.layout.is_rotated(); })) {
      std::fill_n(s_.out_rotated, which.count() * d_, 0.0f);
      std::memcpy(s_.rotated, s_.plain, which.count() * d_ * sizeof(float));
      kernels_.rotate->rotate(cached.rotation->plan(), which.count(), nullptr, 1.0f, s_.rotated);
    }
  }

  // The part of the cached tokens that begins in tile `tile` of `tile_tokens` tokens each.
  void attend_cached(size_t tile, size_t tile_tokens) {
    size_t start = 0;
    const auto part = [&](size_t tokens, const auto& attend) {
      // Pieces begin at multiples of a tile within a part.
      for (size_t first = 0; first < tokens; first += tile_tokens)
        if ((start + first) / tile_tokens == tile) attend(first, std::min(tile_tokens, tokens - first));
      start += tokens;
    };
    part(cached_.rows.count, [&](size_t first, size_t count) { attend_rows(first, count); });
    for (size_t i = 0; i < cached_.span_count; ++i)
      part(cached_.spans[i].tokens, [&](size_t first, size_t count) {
        const size_t end = start + cached_.spans[i].tokens;
        const bool goes_on = first == 0 && i + 1 < cached_.span_count && end / tile_tokens == tile;
        if (goes_on) next_head_ = head_bytes(cached_.spans[i + 1]);
        attend_packed(cached_.spans[i], first, count);
      });
  }

  void attend_chunk(const KeyValueRun& run) {
    std::memcpy(s_.max_before, s_.max, which_.count() * sizeof(float));
    attend_floats(run, 0, run.count);
    rescale_rotated();
  }

  // The weighted sums, not divided, in the plain space, and their softmax state.
  SoftmaxRows finish() {
    if (uses_rotated_) {
      kernels_.rotate->rotate_inverse(cached_.rotation->plan(), which_.count(), nullptr, 1.0f, s_.out_rotated);
      for (size_t i = 0; i < which_.count() * d_; ++i) s_.out[i] += s_.out_rotated[i];
    }
    return {s_.out, s_.max, s_.sum};
  }

 private:
  void attend_floats(const KeyValueRun& run, size_t first, size_t end) {
    for (size_t h = 0; h < which_.heads; ++h) {
      const size_t at = h * which_.rows;
      attend_run(*kernels_.f32, run, which_.kv_head, shape_, first, end, s_.plain + at * d_, d_, which_.first_row,
                 which_.rows, {s_.out + at * d_, s_.max + at, s_.sum + at}, s_.tile);
    }
  }

  void attend_rows(size_t first, size_t count) {
    std::memcpy(s_.max_before, s_.max, which_.count() * sizeof(float));
    const KeyValueRun& run = cached_.rows;
    if (which_.rows > kFewRows || run.value_stride != d_ || run.keys_f16 == nullptr) {
      attend_floats(run, first, first + count);
    } else {
      const uint16_t* keys = run.keys_f16 + which_.kv_head * run.key_head_stride;
      const uint16_t* values = run.values_f16 + which_.kv_head * run.value_head_stride;
      for (size_t end = first + count; first < end; first += kValueChunk) {
        const size_t here = std::min(kValueChunk, end - first);
        if (!sees_any(run.unseen, first, here)) continue;
        kernels_.visual_kv->scores_f32_f16(s_.scores, kValueChunk, keys + first * d_, s_.plain, which_.count(), here,
                                           d_);
        cap_scores(shape_, s_.scores, kValueChunk, which_.count(), here);
        weigh(run.unseen, first, here, s_.out);
        kernels_.visual_kv->weighted_sum_f32_f16(s_.out, values + first * d_, s_.scores, kValueChunk, which_.count(),
                                                 here, d_);
      }
    }
    rescale_rotated();
  }

  void attend_packed(const PackedSpan& span, size_t first, size_t count) {
    const SpanLayout& layout = span.layout;
    const size_t n = which_.count();
    float* key_mid = s_.levels;
    float* key_step = key_mid + d_;
    float* value_mid = key_step + d_;
    float* value_step = value_mid + d_;
    prefetch_next();
    read_levels(*kernels_.f32, span, which_.kv_head, true, key_mid, key_step);
    read_levels(*kernels_.f32, span, which_.kv_head, false, value_mid, value_step);
    if (!layout.has_bytes()) make_tables(layout, key_mid, key_step);
    const bool rotated = layout.is_rotated() && span.values_rotated;
    float* out = rotated ? s_.out_rotated : s_.out;
    float* other = rotated ? s_.out : s_.out_rotated;
    uses_rotated_ = uses_rotated_ || rotated;
    const bool draws_together = layout.rule == KvRule::calibquant && layout.planes <= 2;
    if (draws_together) find_ranges(span);
    for (size_t end = first + count; first < end; first += kValueChunk) {
      const size_t here = std::min(kValueChunk, end - first);
      if (!sees_any(span.unseen, first, here)) continue;
      score_span(span, first, here);
      prefetch_next();
      if (draws_together) draw_together(here);
      std::memcpy(s_.max_before, s_.max, n * sizeof(float));
      std::memcpy(s_.sum_before, s_.sum, n * sizeof(float));
      weigh(span.unseen, first, here, out);
      prefetch_next();
      rescale(other);
      add_values(span, first, here, value_mid, value_step, out);
      prefetch_next();
    }
  }

  // Whether any query sees any of keys [first, first + count). Where some lie before windows, tile.allowed says how many
  // each sees or has seen, none where it sees none.
  bool sees_any(const UnseenKeys& unseen, size_t first, size_t count) {
    bool any = !unseen.any();
    for (size_t i = 0; unseen.any() && i < which_.count(); ++i) {
      const bool sees = unseen.within(row_of(i), first, count) < count;
      s_.tile.allowed[i] = sees ? static_cast<uint32_t>(count) : 0;
      any = any || sees;
    }
    return any;
  }

  // Scores of the keys of sees_any into weights.
  void weigh(const UnseenKeys& unseen, size_t first, size_t count, float* out) {
    const uint32_t* allowed = unseen.any() ? s_.tile.allowed : nullptr;
    for (size_t i = 0; unseen.any() && i < which_.count(); ++i)
      mask_scores(s_.scores + i * kValueChunk, unseen.within(row_of(i), first, allowed[i]));
    kernels_.f32->softmax_tile(s_.scores, kValueChunk, which_.count(), count, allowed, scale_, s_.max, s_.sum, out, d_,
                               d_);
  }

  size_t row_of(size_t query) const { return which_.first_row + query % which_.rows; }

  void score_span(const PackedSpan& span, size_t first, size_t count) {
    const simd::PackedRows keys = span.keys(which_.kv_head, first, count);
    if (span.layout.has_bytes())  // of text, which is rotated and has no levels
      kernels_.visual_kv->scores_f32_u8(s_.scores, kValueChunk, keys, s_.rotated, which_.count());
    else
      kernels_.visual_kv->key_scores(s_.scores, kValueChunk, keys, s_.tables, s_.terms, which_.count());
    cap_scores(shape_, s_.scores, kValueChunk, which_.count(), count);
  }

  // What the next span has of this head is a few KB in pages of its own, which no hardware would ask for in time. They
  // are sent for in parts, between the steps of this span: a core waits when it has more than some sixteen misses.
  std::span<const uint8_t> head_bytes(const PackedSpan& span) const {
    constexpr size_t kBytesMax = 32u << 10;
    return {span.head(which_.kv_head), std::min(span.layout.head_bytes(), kBytesMax)};
  }

  void prefetch_next() {
    constexpr size_t kPartBytes = 2560;  // four parts are a picture of 256 tokens, heads of 128, at one bit
    const size_t count = std::min(next_head_.size(), kPartBytes);
    for (size_t i = 0; i < count; i += 64) __builtin_prefetch(next_head_.data() + i, 0, 2);
    next_head_ = next_head_.subspan(count);
  }

  // out += step * (weighted sum of codes) + mid * (sum of weights).
  void add_values(const PackedSpan& span, size_t first, size_t count, const float* mid, const float* step, float* out) {
    const size_t n = which_.count();
    const simd::PackedRows values = span.values(which_.kv_head, first, count);
    float* sums = span.layout.has_steps() ? s_.sums : out;
    if (sums != out) std::fill_n(sums, n * d_, 0.0f);
    if (span.layout.has_bytes()) kernels_.visual_kv->weighted_sum_f32_u8(sums, values, s_.scores, kValueChunk, n);
    else kernels_.visual_kv->value_sums(sums, values, s_.scores, kValueChunk, n);
    if (!span.layout.has_levels()) return;
    for (size_t i = 0; i < n; ++i) {
      const float weight = s_.sum[i] - s_.sum_before[i] * rescaling(i);
      float* row = out + i * d_;
      if (sums != out)
        for (size_t c = 0; c < d_; ++c) row[c] += step[c] * sums[i * d_ + c] + mid[c] * weight;
      else
        for (size_t c = 0; c < d_; ++c) row[c] += mid[c] * weight;
    }
  }

  void make_tables(const SpanLayout& layout, const float* mid, const float* step) {
    const float* queries = layout.is_rotated() ? s_.rotated : s_.plain;
    float* weights = s_.levels + 4 * d_;
    // Where no steps differ, neither do the tables from span to span.
    const bool stay = !layout.has_steps() && tables_planes_ == layout.planes;
    for (size_t i = 0; i < which_.count(); ++i) {
      const float* q = queries + i * d_;
      if (!stay) {
        for (size_t c = 0; c < d_; ++c) weights[c] = q[c] * step[c];
        kernels_.visual_kv->key_tables(s_.tables + i * simd::key_table_bytes(d_), &s_.terms[i], weights, d_,
                                       layout.planes);
      }
      // Eight sums in a fixed order: the same bits at every level.
      float sums[8] = {};
      if (layout.has_levels())
        for (size_t c = 0; c < d_; c += 8)
          for (size_t j = 0; j < 8; ++j) sums[j] += q[c + j] * mid[c + j];
      s_.terms[i].constant = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    }
    tables_planes_ = layout.has_steps() ? 0 : layout.planes;
  }

  // Lowest and highest score of a whole span for each query, into the first two rows of `sums`.
  void find_ranges(const PackedSpan& span) {
    const size_t n = which_.count();
    float* low = s_.tile.scores;
    float* high = low + kTileRows;
    std::fill_n(low, n, std::numeric_limits<float>::infinity());
    std::fill_n(high, n, -std::numeric_limits<float>::infinity());
    for (size_t first = 0; first < span.tokens; first += kValueChunk) {
      const size_t here = std::min(kValueChunk, span.tokens - first);
      score_span(span, first, here);
      for (size_t i = 0; i < n; ++i) {
        const auto [least, most] = std::minmax_element(s_.scores + i * kValueChunk, s_.scores + i * kValueChunk + here);
        low[i] = std::min(low[i], *least);
        high[i] = std::max(high[i], *most);
      }
    }
  }

  // z <- low + (z - low) (1 - tau / range): scores are not yet divided by sqrt(d), and neither is tau then.
  void draw_together(size_t count) {
    const float* low = s_.tile.scores;
    const float* high = low + kTileRows;
    for (size_t i = 0; i < which_.count(); ++i) {
      const float range = high[i] - low[i];
      if (!(range > 0)) continue;
      const float factor = 1.0f - std::min(kTau / scale_ / range, kTauOfRange);
      float* row = s_.scores + i * kValueChunk;
      for (size_t t = 0; t < count; ++t) row[t] = low[i] + (row[t] - low[i]) * factor;
    }
  }

  float rescaling(size_t i) const {
    return s_.max_before[i] == s_.max[i] ? 1.0f : std::exp(s_.max_before[i] - s_.max[i]);
  }

  // What softmax_tile does to the sums that it was given, for the others.
  void rescale(float* sums) {
    if (!uses_rotated_) return;
    for (size_t i = 0; i < which_.count(); ++i) {
      const float factor = rescaling(i);
      if (factor == 1.0f) continue;
      for (size_t c = 0; c < d_; ++c) sums[i * d_ + c] *= factor;
    }
  }
  void rescale_rotated() { rescale(s_.out_rotated); }

  const simd::Kernels& kernels_;
  const AttentionShape& shape_;
  const size_t d_;
  const float scale_;
  const CachedRows& cached_;
  const Queries which_;
  Scratch s_;
  std::span<const uint8_t> next_head_;  // what is still to be sent for of the next span
  size_t tables_planes_ = 0;  // of the tables at hand, when they serve further spans
  bool uses_rotated_ = false;
};

void divide(const float* row, float sum, size_t d, float* out) {
  const float inverse = 1.0f / sum;
  for (size_t i = 0; i < d; ++i) out[i] = row[i] * inverse;
}

size_t tile_tokens_of(size_t tokens) {
  return std::max(kTileTokensMin, round_up(ceil_div(tokens, kTokenTilesMax), kValueChunk));
}

size_t tiles_of(size_t tokens) { return std::max<size_t>(1, ceil_div(tokens, tile_tokens_of(tokens))); }

// One row of one head: the tiles' results, in order. A partial is d sums, then the maximum and the sum of weights.
void merge_tiles(const float* partial, size_t stride, size_t tiles, size_t d, float* out) {
  float highest = -std::numeric_limits<float>::infinity();
  for (size_t tile = 0; tile < tiles; ++tile) highest = std::max(highest, partial[tile * stride + d]);
  float sum = 0;
  std::fill_n(out, d, 0.0f);
  for (size_t tile = 0; tile < tiles; ++tile) {
    const float* part = partial + tile * stride;
    const float factor = std::exp(part[d] - highest);
    sum += part[d + 1] * factor;
    for (size_t i = 0; i < d; ++i) out[i] += part[i] * factor;
  }
  divide(out, sum, d, out);
}

}  // namespace

size_t CachedRows::tokens() const {
  size_t tokens = rows.count;
  for (size_t i = 0; i < span_count; ++i) tokens += spans[i].tokens;
  return tokens;
}

void cache_attention(const Compute& compute, const AttentionShape& shape, const float* queries, size_t query_stride,
                     size_t rows, const CachedRows& cached, const KeyValueRun* chunk, size_t chunk_runs,
                     float* partials, float* out, size_t out_stride) {
  const size_t d = shape.head_dim;
  const size_t group = shape.heads / shape.kv_heads;
  const bool few = rows <= kFewRows;
  const size_t tokens = cached.tokens();
  const size_t tile_tokens = few ? tile_tokens_of(tokens) : std::max<size_t>(tokens, 1);
  const size_t tiles = few ? tiles_of(tokens) : 1;
  const size_t task_heads = few ? std::min(group, kTileRows / rows) : 1;
  const size_t slices = ceil_div(group, task_heads);
  const size_t row_tiles = ceil_div(rows, kTileRows);
  const size_t partial_stride = d + 2;
  parallel_for(compute, shape.kv_heads * slices * row_tiles * tiles, [&](size_t task, int thread) {
    const size_t tile = task % tiles;
    const size_t row_tile = task / tiles % row_tiles;
    const size_t slice = task / (tiles * row_tiles) % slices;
    const size_t kv_head = task / (tiles * row_tiles * slices);
    const Queries which{.kv_head = kv_head,
                        .first_head = kv_head * group + slice * task_heads,
                        .heads = std::min(task_heads, group - slice * task_heads),
                        .first_row = row_tile * kTileRows,
                        .rows = std::min(kTileRows, rows - row_tile * kTileRows)};
    Worker worker(compute, shape, queries, query_stride, cached, which, compute.scratch_of<float>(thread));
    worker.attend_cached(tile, tile_tokens);
    if (tile + 1 == tiles)
      for (size_t run = 0; run < chunk_runs; ++run) worker.attend_chunk(chunk[run]);
    const SoftmaxRows state = worker.finish();
    for (size_t i = 0; i < which.count(); ++i) {
      const size_t head = which.first_head + i / which.rows;
      const size_t row = which.first_row + i % which.rows;
      if (tiles == 1) {
        divide(state.out + i * d, state.sum[i], d, out + row * out_stride + head * d);
        continue;
      }
      float* partial = partials + ((head * rows + row) * tiles + tile) * partial_stride;
      std::memcpy(partial, state.out + i * d, d * sizeof(float));
      partial[d] = state.max[i];
      partial[d + 1] = state.sum[i];
    }
  });
  if (tiles == 1) return;
  parallel_for(compute, shape.heads * rows, [&](size_t task, int) {
    merge_tiles(partials + task * tiles * partial_stride, partial_stride, tiles, d,
                out + task % rows * out_stride + task / rows * d);
  });
}

size_t cache_attention_scratch_bytes(const AttentionShape& shape) {
  return round_up(scratch_floats(shape.head_dim) * sizeof(float), 64);
}

size_t cache_partial_floats(const AttentionShape& shape, size_t tokens) {
  const size_t tiles = std::min(kTokenTilesMax, ceil_div(tokens, kTileTokensMin));
  return tiles <= 1 ? 0 : kFewRows * shape.heads * tiles * (shape.head_dim + 2);
}

}  // namespace mica
