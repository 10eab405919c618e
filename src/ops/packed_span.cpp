// PackedSpan: layout, levels by rule, coding. Not the codes themselves: simd/visual_kv_kernels.hpp.
#include "packed_span.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "checked.hpp"
#include "kernels.hpp"

namespace mica {
namespace {

// The step of a uniform quantizer of 2^planes values that suits a standard normal best (Max 1960), and what the mean
// absolute deviation of a normal distribution is of its standard deviation.
constexpr float kNormalStep2 = 0.9957f;
constexpr float kNormalStep4 = 0.3352f;
constexpr float kNormalMeanDeviation = 0.79788456f;
// What CalibQuant's code multiplies minimum and maximum by at one bit.
constexpr float kRangeOfKeys = 0.5f;
constexpr float kRangeOfValues = 0.3f;

struct Level {
  float mid, step;
};

// Rounds in which the means of one-bit codes are brought to where codes and scales leave nothing on average.
constexpr size_t kMeanRounds = 3;

Level centroid_level(const float* column, size_t count, size_t planes) {
  double sum = 0, deviation = 0;
  for (size_t i = 0; i < count; ++i) sum += column[i];
  const double mean = sum / static_cast<double>(count);
  for (size_t i = 0; i < count; ++i) deviation += std::fabs(column[i] - mean);
  const auto magnitude = static_cast<float>(deviation / static_cast<double>(count));
  const float step =
      planes == 1 ? 2 * magnitude : (planes == 2 ? kNormalStep2 : kNormalStep4) * magnitude / kNormalMeanDeviation;
  return {static_cast<float>(mean), step};
}

Level range_level(float low, float high, size_t planes) {
  const auto top = static_cast<float>((1u << planes) - 1);
  return {0.5f * (low + high), (high - low) / top};
}

// Between the values of rank alpha * (count - 1), interpolated, from either end; the column is reordered.
Level quantile_level(float* column, size_t count, size_t planes, float alpha) {
  const auto at = [&](float share) {
    const float rank = share * static_cast<float>(count - 1);
    const auto below = static_cast<size_t>(rank);
    std::nth_element(column, column + below, column + count);
    const float low = column[below];
    if (below + 1 == count) return low;
    const float high = *std::min_element(column + below + 1, column + count);
    return low + (rank - static_cast<float>(below)) * (high - low);
  };
  const float low = at(alpha);
  return range_level(low, at(1 - alpha), planes);
}

Level calibquant_level(const float* column, size_t count, size_t planes, bool keys) {
  const auto [low, high] = std::minmax_element(column, column + count);
  const float by = planes > 1 ? 1.0f : keys ? kRangeOfKeys : kRangeOfValues;
  return range_level(by * *low, by * *high, planes);
}

Level level_of(KvRule rule, float* column, size_t count, size_t planes, float alpha, bool keys) {
  switch (rule) {
    case KvRule::quantile: return quantile_level(column, count, planes, alpha);
    case KvRule::calibquant: return calibquant_level(column, count, planes, keys);
    default: return centroid_level(column, count, planes);
  }
}

void rotate_head_rows(const Compute& compute, const RowRotation& rotation, float* rows, size_t stride,
                      size_t count) {
  const simd::RotationPlan& plan = rotation.plan();
  for (size_t i = 0; i < count; ++i) compute.kernels->rotate->rotate(plan, 1, nullptr, 1.0f, rows + i * stride);
}

struct Half {
  uint8_t* codes;
  uint8_t* scales;  // null where the rule has none
  uint16_t* mids;
  uint8_t* steps;
};

Half half_of(const PackedSpan& span, size_t head, bool keys) {
  const SpanLayout& layout = span.layout;
  uint8_t* base = span.head(head);
  const size_t d = layout.head_dim;
  return {base + (keys ? layout.key_codes() : layout.value_codes()),
          layout.has_scales() ? base + (keys ? layout.key_scales() : layout.value_scales()) : nullptr,
          reinterpret_cast<uint16_t*>(base + layout.mids()) + (keys ? 0 : d), base + layout.steps() + (keys ? 0 : d)};
}

struct RowSums {
  float absolute, squares;
};

// Of x - mid. Eight sums in a fixed order: the same bits at every level.
RowSums row_sums(const float* x, const float* mid, size_t d) {
  float absolute[8] = {}, squares[8] = {};
  for (size_t c = 0; c < d; c += 8)
    for (size_t j = 0; j < 8; ++j) {
      const float rest = x[c + j] - mid[c + j];
      absolute[j] += std::fabs(rest);
      squares[j] += rest * rest;
    }
  const auto sum = [](const float* v) { return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])); };
  return {sum(absolute), sum(squares)};
}

// Means of the columns, then, for one bit, m <- m + mean of x - (m + s sign(x - m)) with least-squares scales s.
void find_means(const float* x, size_t stride, size_t tokens, size_t d, bool refine, float* mid, float* sums) {
  const float share = 1.0f / static_cast<float>(tokens);
  std::fill_n(mid, d, 0.0f);
  for (size_t t = 0; t < tokens; ++t)
    for (size_t c = 0; c < d; ++c) mid[c] += x[t * stride + c] * share;
  for (size_t round = 0; refine && round < kMeanRounds; ++round) {
    std::fill_n(sums, d, 0.0f);
    for (size_t t = 0; t < tokens; ++t) {
      const float* row = x + t * stride;
      const float scale = row_sums(row, mid, d).absolute / static_cast<float>(d);
      for (size_t c = 0; c < d; ++c) {
        const float rest = row[c] - mid[c];
        sums[c] += rest - std::copysign(scale, rest);
      }
    }
    for (size_t c = 0; c < d; ++c) mid[c] += sums[c] * share;
  }
}

// s with (x - m) . (s sign(x - m) / 2) = |x - m|^2: codes are half a step from the middle.
void exact_scales(const float* x, size_t stride, size_t tokens, size_t d, const float* mid, uint8_t* scales) {
  for (size_t t = 0; t < tokens; ++t) {
    const RowSums sums = row_sums(x + t * stride, mid, d);
    scales[t] = simd::token_scale_code(sums.absolute > 0 ? 2 * sums.squares / sums.absolute : 0);
  }
}

// Levels of `count` rows, stored as they will be read.
void find_levels(const Compute& compute, const PackedSpan& span, const Half& half, float alpha, bool keys,
                 const float* rows, size_t stride, float* scratch) {
  const SpanLayout& layout = span.layout;
  if (layout.rule == KvRule::token) {
    float* mid = scratch;
    find_means(rows, stride, span.tokens, layout.head_dim, layout.planes == 1, mid, mid + layout.head_dim);
    compute.kernels->f32->narrow_f16(half.mids, mid, layout.head_dim);
    return;
  }
  float* column = scratch;
  for (size_t c = 0; c < layout.head_dim; ++c) {
    for (size_t i = 0; i < span.tokens; ++i) column[i] = rows[i * stride + c];
    const Level level = level_of(layout.rule, column, span.tokens, layout.planes, alpha, keys);
    compute.kernels->f32->narrow_f16(half.mids + c, &level.mid, 1);
    if (layout.has_steps()) half.steps[c] = simd::token_scale_code(level.step);
  }
}

}  // namespace

static_assert(kPackedHeadDimMin == simd::kKvHeadDimMin && kPackedHeadDimMax == simd::kKvHeadDimMax);
static_assert(kValueGroup == simd::kValueGroup);

size_t SpanLayout::key_code_bytes(size_t tokens) const { return simd::key_code_bytes(tokens, head_dim, planes); }
size_t SpanLayout::value_code_bytes(size_t tokens) const { return simd::value_code_bytes(tokens, head_dim, planes); }
size_t SpanLayout::value_codes() const { return key_code_bytes(room); }
size_t SpanLayout::key_scales() const { return value_codes() + value_code_bytes(room); }
size_t SpanLayout::value_scales() const { return key_scales() + (has_scales() ? room : 0); }
size_t SpanLayout::mids() const { return round_up(value_scales() + (has_scales() ? room : 0), sizeof(uint16_t)); }
size_t SpanLayout::steps() const { return mids() + (has_levels() ? 2 * sizeof(uint16_t) * head_dim : 0); }
size_t SpanLayout::head_bytes() const { return round_up(steps() + (has_steps() ? 2 * head_dim : 0), sizeof(uint16_t)); }

simd::PackedRows PackedSpan::keys(size_t head_index, size_t first, size_t count) const {
  const uint8_t* base = head(head_index);
  return {.codes = base + layout.key_codes() + first * (layout.head_dim / 8) * layout.planes,
          .token_scales = layout.has_scales() ? base + layout.key_scales() + first : nullptr,
          .tokens = count,
          .head_dim = layout.head_dim,
          .planes = layout.planes};
}

simd::PackedRows PackedSpan::values(size_t head_index, size_t first, size_t count) const {
  const uint8_t* base = head(head_index);
  return {.codes = base + layout.value_codes() + first / simd::kValueGroup * layout.head_dim * layout.planes,
          .token_scales = layout.has_scales() ? base + layout.value_scales() + first : nullptr,
          .tokens = count,
          .head_dim = layout.head_dim,
          .planes = layout.planes};
}

void read_levels(const simd::FloatKernels& kernels, const PackedSpan& span, size_t head, bool keys, float* mid,
                 float* step) {
  const size_t d = span.layout.head_dim;
  const Half half = half_of(span, head, keys);
  if (span.layout.has_levels()) kernels.widen_f16(mid, half.mids, d);
  else std::fill_n(mid, d, 0.0f);
  if (!span.layout.has_steps()) std::fill_n(step, d, 1.0f);
  for (size_t c = 0; span.layout.has_steps() && c < d; ++c) step[c] = simd::token_scale_value(half.steps[c]);
}

size_t span_scratch_bytes(size_t tokens, size_t head_dim) {
  return round_up((std::max(tokens, 2 * head_dim) + 2 * head_dim) * sizeof(float), 64);
}

void pack_span(const Compute& compute, const PackedSpan& span, size_t heads, float alpha,
               const RowRotation& rotation, const KvRows& rows) {
  const SpanLayout& layout = span.layout;
  const size_t d = layout.head_dim;
  const simd::VisualKvKernels& kernels = *compute.kernels->visual_kv;
  parallel_for(compute, heads * 2, [&](size_t task, int thread) {
    const size_t head = task / 2;
    const bool keys = task % 2 == 0;
    float* x = (keys ? rows.keys : rows.values) + head * d;
    if (layout.is_rotated() && (keys || span.values_rotated))
      rotate_head_rows(compute, rotation, x, rows.stride, span.tokens);
    const Half half = half_of(span, head, keys);
    float* mid = compute.scratch_of<float>(thread);
    float* step = mid + d;
    find_levels(compute, span, half, alpha, keys, x, rows.stride, step + d);
    read_levels(*compute.kernels->f32, span, head, keys, mid, step);
    const simd::KvLevels levels{mid, step};
    if (half.scales && layout.planes == 1) exact_scales(x, rows.stride, span.tokens, d, mid, half.scales);
    else if (half.scales) kernels.fit_token_scales(half.scales, x, rows.stride, span.tokens, levels, d, layout.planes);
    const auto pack = keys ? kernels.pack_keys : kernels.pack_values;
    pack(half.codes, 0, x, rows.stride, span.tokens, levels, half.scales, d, layout.planes);
  });
}

void append_rows(const Compute& compute, const PackedSpan& span, size_t heads, const RowRotation& rotation,
                 const KvRows& rows) {
  const SpanLayout& layout = span.layout;
  const size_t d = layout.head_dim;
  const simd::VisualKvKernels& kernels = *compute.kernels->visual_kv;
  parallel_for(compute, heads * 2, [&](size_t task, int thread) {
    const size_t head = task / 2;
    const bool keys = task % 2 == 0;
    float* x = (keys ? rows.keys : rows.values) + head * d;
    if (keys || span.values_rotated) rotate_head_rows(compute, rotation, x, rows.stride, rows.count);
    const Half half = half_of(span, head, keys);
    float* mid = compute.scratch_of<float>(thread);
    read_levels(*compute.kernels->f32, span, head, keys, mid, mid + d);
    const simd::KvLevels levels{mid, mid + d};
    uint8_t* scales = half.scales + span.tokens;
    kernels.fit_token_scales(scales, x, rows.stride, rows.count, levels, d, layout.planes);
    const auto pack = keys ? kernels.pack_keys : kernels.pack_values;
    pack(half.codes, span.tokens, x, rows.stride, rows.count, levels, scales, d, layout.planes);
  });
}

void append_float_row(const Compute& compute, uint32_t bits, void* key_block, size_t place, const float* key,
                      void* value, const float* values, size_t head_dim) {
  if (bits == 32) {
    for (size_t c = 0; c < head_dim; ++c) static_cast<float*>(key_block)[c * simd::kKeyBlock + place] = key[c];
    std::memcpy(value, values, head_dim * sizeof(float));
    return;
  }
  compute.kernels->visual_kv->append_key_f16(static_cast<uint16_t*>(key_block), place, key, head_dim);
  compute.kernels->f32->narrow_f16(static_cast<uint16_t*>(value), values, head_dim);
}

}  // namespace mica
