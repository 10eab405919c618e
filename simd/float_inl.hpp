// Float kernels on xsimd batches: one source for every vector level, compiled once a level with that level's flags.
// Included by simd/<level>/float.cpp only. Everything here has internal linkage.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>

#include "float_batch_inl.hpp"
#include "float_kernels.hpp"
#include "float_storage.hpp"

namespace mica::simd {
namespace {

// All lanes in a tree: halves, then quarters.
#if defined(__AVX512F__)
inline float sum_lanes(const Batch& v) { return _mm512_reduce_add_ps(v); }
inline float max_lanes(const Batch& v) { return _mm512_reduce_max_ps(v); }
#elif defined(__AVX2__)
inline float sum_lanes(const Batch& v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float max_lanes(const Batch& v) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
#elif defined(__aarch64__)
inline float sum_lanes(const Batch& v) { return vaddvq_f32(v); }
inline float max_lanes(const Batch& v) { return vmaxvq_f32(v); }
#else
template <class Both>
inline float of_lanes(const Batch& v, const Both& both) {
  alignas(64) float lane[kWidth];
  v.store_aligned(lane);
  for (size_t step = kWidth / 2; step > 0; step /= 2)
    for (size_t i = 0; i < step; ++i) lane[i] = both(lane[i], lane[i + step]);
  return lane[0];
}
inline float sum_lanes(const Batch& v) {
  return of_lanes(v, [](float a, float b) { return a + b; });
}
inline float max_lanes(const Batch& v) {
  return of_lanes(v, [](float a, float b) { return a > b ? a : b; });
}
#endif

// ---- storage --------------------------------------------------------------------------------------------------------

inline Batch load_bf16(const uint16_t* src) {
#if defined(__AVX512F__)
  return Batch(_mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(src))), 16)));
#elif defined(__AVX2__)
  return Batch(_mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src))), 16)));
#elif defined(__aarch64__)
  return Batch(vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(src), 16)));
#else
  alignas(64) float lanes[kWidth];
  for (size_t i = 0; i < kWidth; ++i) lanes[i] = widen_brain(src[i]);
  return Batch::load_aligned(lanes);
#endif
}

void widen_f16(float* dst, const uint16_t* src, size_t n) {
  size_t i = 0;
  for (; i + kWidth <= n; i += kWidth) widen_lanes_f16(dst + i, src + i);
  for (; i < n; ++i) dst[i] = widen_half(src[i]);
}

void widen_bf16(float* dst, const uint16_t* src, size_t n) {
  size_t i = 0;
  for (; i + kWidth <= n; i += kWidth) store(dst + i, load_bf16(src + i));
  for (; i < n; ++i) dst[i] = widen_brain(src[i]);
}

// ---- products -------------------------------------------------------------------------------------------------------

// A register tile: kRows rows of c by kBatches batches of columns, over the whole depth.
template <size_t kRows, size_t kBatches>
inline void gemm_tile(float* c, size_t c_stride, const float* a, size_t a_stride, const float* b, size_t b_stride,
                      size_t depth, bool accumulate) {
  Batch sum[kRows][kBatches];
  for (size_t r = 0; r < kRows; ++r)
    for (size_t v = 0; v < kBatches; ++v)
      sum[r][v] = accumulate ? load(c + r * c_stride + v * kWidth) : Batch(0.0f);
  for (size_t k = 0; k < depth; ++k) {
    Batch column[kBatches];
    for (size_t v = 0; v < kBatches; ++v) column[v] = load(b + k * b_stride + v * kWidth);
    for (size_t r = 0; r < kRows; ++r) {
      const Batch value(a[r * a_stride + k]);
      for (size_t v = 0; v < kBatches; ++v) sum[r][v] = fused_multiply_add(value, column[v], sum[r][v]);
    }
  }
  for (size_t r = 0; r < kRows; ++r)
    for (size_t v = 0; v < kBatches; ++v) store(c + r * c_stride + v * kWidth, sum[r][v]);
}

// Six rows by two batches: 12 sums, 2 columns and a broadcast fill the 16 registers of AVX2; the 32 of AVX-512 and NEON
// hold ten rows.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t kTileRows = 10;
#else
constexpr size_t kTileRows = 6;
#endif

template <size_t kBatches>
inline void gemm_columns(float* c, size_t c_stride, const float* a, size_t a_stride, const float* b, size_t b_stride,
                         size_t rows, size_t depth, bool accumulate) {
  size_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows)
    gemm_tile<kTileRows, kBatches>(c + row * c_stride, c_stride, a + row * a_stride, a_stride, b, b_stride, depth,
                                   accumulate);
  for (; row + 4 <= rows; row += 4)
    gemm_tile<4, kBatches>(c + row * c_stride, c_stride, a + row * a_stride, a_stride, b, b_stride, depth, accumulate);
  for (; row < rows; ++row)
    gemm_tile<1, kBatches>(c + row * c_stride, c_stride, a + row * a_stride, a_stride, b, b_stride, depth, accumulate);
}

void gemm_f32(float* c, size_t c_stride, const float* a, size_t a_stride, const float* b, size_t b_stride, size_t rows,
              size_t columns, size_t depth, bool accumulate) {
  size_t column = 0;
  for (; column + 2 * kWidth <= columns; column += 2 * kWidth)
    gemm_columns<2>(c + column, c_stride, a, a_stride, b + column, b_stride, rows, depth, accumulate);
  for (; column + kWidth <= columns; column += kWidth)
    gemm_columns<1>(c + column, c_stride, a, a_stride, b + column, b_stride, rows, depth, accumulate);
  for (; column < columns; ++column) {
    for (size_t row = 0; row < rows; ++row) {
      float sum = accumulate ? c[row * c_stride + column] : 0.0f;
      for (size_t k = 0; k < depth; ++k) sum = std::fma(a[row * a_stride + k], b[k * b_stride + column], sum);
      c[row * c_stride + column] = sum;
    }
  }
}

struct LoadF32 {
  using Weight = float;
  static Batch batch(const float* p) { return load(p); }
  static float one(float w) { return w; }
};
struct LoadF16 {
  using Weight = uint16_t;
  static Batch batch(const uint16_t* p) { return load_f16(p); }
  static float one(uint16_t w) { return widen_half(w); }
};
struct LoadBf16 {
  using Weight = uint16_t;
  static Batch batch(const uint16_t* p) { return load_bf16(p); }
  static float one(uint16_t w) { return widen_brain(w); }
};

// Four sums a row hide the latency of the multiply-add; the loads are what bounds it.
template <class Load>
void gemv(float* y, const float* x, const typename Load::Weight* w, size_t w_stride, size_t rows, size_t depth) {
  for (size_t row = 0; row < rows; ++row) {
    const typename Load::Weight* weight = w + row * w_stride;
    Batch sum[4] = {Batch(0.0f), Batch(0.0f), Batch(0.0f), Batch(0.0f)};
    size_t i = 0;
    for (; i + 4 * kWidth <= depth; i += 4 * kWidth)
      for (size_t v = 0; v < 4; ++v)
        sum[v] = fused_multiply_add(Load::batch(weight + i + v * kWidth), load(x + i + v * kWidth), sum[v]);
    for (; i + kWidth <= depth; i += kWidth) sum[0] = fused_multiply_add(Load::batch(weight + i), load(x + i), sum[0]);
    float total = sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (; i < depth; ++i) total = std::fma(Load::one(weight[i]), x[i], total);
    y[row] = total;
  }
}

// ---- rows -----------------------------------------------------------------------------------------------------------

float sum_of_squares(const float* x, float mean, size_t n) {
  Batch sum[2] = {Batch(0.0f), Batch(0.0f)};
  const Batch middle(mean);
  size_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth) {
    for (size_t v = 0; v < 2; ++v) {
      const Batch value = load(x + i + v * kWidth) - middle;
      sum[v] = fused_multiply_add(value, value, sum[v]);
    }
  }
  float total = sum_lanes(sum[0] + sum[1]);
  for (; i < n; ++i) total += (x[i] - mean) * (x[i] - mean);
  return total;
}

void rms_norm(float* dst, const float* x, const float* weight, float epsilon, size_t n) {
  const float inverse = 1.0f / std::sqrt(sum_of_squares(x, 0.0f, n) / static_cast<float>(n) + epsilon);
  const Batch scale(inverse);
  size_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    const Batch normal = load(x + i) * scale;
    store(dst + i, weight ? normal * load(weight + i) : normal);
  }
  for (; i < n; ++i) dst[i] = x[i] * inverse * (weight ? weight[i] : 1.0f);
}

void layer_norm(float* dst, const float* x, const float* weight, const float* bias, float epsilon, size_t n) {
  Batch sum(0.0f);
  size_t i = 0;
  for (; i + kWidth <= n; i += kWidth) sum = sum + load(x + i);
  float total = sum_lanes(sum);
  for (; i < n; ++i) total += x[i];
  const float mean = total / static_cast<float>(n);
  const float inverse = 1.0f / std::sqrt(sum_of_squares(x, mean, n) / static_cast<float>(n) + epsilon);
  const Batch middle(mean);
  const Batch scale(inverse);
  for (i = 0; i + kWidth <= n; i += kWidth) {
    Batch value = (load(x + i) - middle) * scale;
    if (weight) value = value * load(weight + i);
    if (bias) value = value + load(bias + i);
    store(dst + i, value);
  }
  for (; i < n; ++i) dst[i] = (x[i] - mean) * inverse * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
}

void finish_row(float* dst, const float* sum, const float* bias, const float* scale, const float* residual, size_t n) {
  size_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    Batch value = load(sum + i);
    if (bias) value = value + load(bias + i);
    if (scale) value = value * load(scale + i);
    if (residual) value = value + load(residual + i);
    store(dst + i, value);
  }
  for (; i < n; ++i) {
    float value = sum[i];
    if (bias) value += bias[i];
    if (scale) value *= scale[i];
    if (residual) value += residual[i];
    dst[i] = value;
  }
}

void rope_halves(float* x, const float* cosine, const float* sine, size_t half) {
  size_t i = 0;
  for (; i + kWidth <= half; i += kWidth) {
    const Batch a = load(x + i);
    const Batch b = load(x + half + i);
    const Batch c = load(cosine + i);
    const Batch s = load(sine + i);
    store(x + i, a * c - b * s);
    store(x + half + i, b * c + a * s);
  }
  for (; i < half; ++i) {
    const float a = x[i];
    const float b = x[half + i];
    x[i] = a * cosine[i] - b * sine[i];
    x[half + i] = b * cosine[i] + a * sine[i];
  }
}

void rope_pairs(float* x, const float* cosine, const float* sine, size_t half) {
  for (size_t i = 0; i < half; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    x[2 * i] = a * cosine[i] - b * sine[i];
    x[2 * i + 1] = b * cosine[i] + a * sine[i];
  }
}

// ---- attention ------------------------------------------------------------------------------------------------------

// The greatest of score[0, open). Four chains, since each waits for its own.
inline float greatest(const float* score, size_t open) {
  const Batch lowest(-std::numeric_limits<float>::infinity());
  Batch high[4] = {lowest, lowest, lowest, lowest};
  size_t i = 0;
  for (; i + 4 * kWidth <= open; i += 4 * kWidth)
    for (size_t v = 0; v < 4; ++v) high[v] = xsimd::max(high[v], load(score + i + v * kWidth));
  for (; i + kWidth <= open; i += kWidth) high[0] = xsimd::max(high[0], load(score + i));
  float maximum = max_lanes(xsimd::max(xsimd::max(high[0], high[1]), xsimd::max(high[2], high[3])));
  for (; i < open; ++i) maximum = score[i] > maximum ? score[i] : maximum;
  return maximum;
}

// score[0, open) becomes exp(score * scale - maximum); returns their sum. The last ones, fewer than a batch, go through
// a padded copy.
inline float weigh_scores(float* score, size_t open, float scale, float maximum) {
  const Batch factor(scale), top(-maximum);
  Batch total[2] = {Batch(0.0f), Batch(0.0f)};
  const auto weigh = [&]<size_t kCount>(float* from) {
    Batch values[kCount];
    for (size_t v = 0; v < kCount; ++v) values[v] = fused_multiply_add(load(from + v * kWidth), factor, top);
    exponentials(values);
    for (size_t v = 0; v < kCount; ++v) store(from + v * kWidth, values[v]);
    for (size_t v = 0; v < kCount; ++v) total[v % 2] = total[v % 2] + values[v];
  };
  size_t i = 0;
  for (; i + 4 * kWidth <= open; i += 4 * kWidth) weigh.template operator()<4>(score + i);
  for (; i + kWidth <= open; i += kWidth) weigh.template operator()<1>(score + i);
  if (i < open) {
    alignas(64) float rest[kWidth];
    for (size_t k = 0; k < kWidth; ++k) rest[k] = i + k < open ? score[i + k] : -std::numeric_limits<float>::infinity();
    weigh.template operator()<1>(rest);
    std::memcpy(score + i, rest, (open - i) * sizeof(float));
  }
  return sum_lanes(total[0] + total[1]);
}

struct RowOfScores {
  float* score;
  size_t open;
  float maximum;
};

// A row whose maximum is known.
inline void finish_softmax(const RowOfScores& row, float scale, float* row_max, float* row_sum, float* out,
                           size_t dims) {
  const float before = *row_max;
  const float maximum = row.maximum > before ? row.maximum : before;
  const float sum = weigh_scores(row.score, row.open, scale, maximum);
  *row_max = maximum;
  if (maximum == before) {
    *row_sum += sum;
    return;
  }
  const Batch factor = exponential(Batch(before - maximum));
  const float rescale = factor.get(0);
  *row_sum = *row_sum * rescale + sum;
  size_t i = 0;
  for (; i + kWidth <= dims; i += kWidth) store(out + i, load(out + i) * factor);
  for (; i < dims; ++i) out[i] *= rescale;
}

// A few rows at a time: first their maxima, which do not wait for each other, as a row's exponentials do for its own.
void softmax_tile(float* scores, size_t scores_stride, size_t rows, size_t columns, const uint32_t* allowed,
                  float scale, float* row_max, float* row_sum, float* out, size_t out_stride, size_t dims) {
  constexpr size_t kFew = 6;
  for (size_t first = 0; first < rows; first += kFew) {
    const size_t end = rows - first < kFew ? rows : first + kFew;
    RowOfScores few[kFew];
    for (size_t row = first; row < end; ++row) {
      float* score = scores + row * scores_stride;
      const size_t open = allowed && allowed[row] < columns ? allowed[row] : columns;
      // What fills the last batch becomes 0 by itself.
      const size_t filled = (open + kWidth - 1) / kWidth * kWidth;
      const size_t padded = filled < columns ? filled : columns;
      for (size_t i = open; i < padded; ++i) score[i] = -std::numeric_limits<float>::infinity();
      for (size_t i = padded; i < columns; ++i) score[i] = 0;
      few[row - first] = {score, padded, greatest(score, padded) * scale};
    }
    for (size_t row = first; row < end; ++row)
      if (few[row - first].open > 0)
        finish_softmax(few[row - first], scale, row_max + row, row_sum + row, out + row * out_stride, dims);
  }
}

void pack_keys(float* blocks, size_t start, const float* src, size_t src_stride, size_t count, size_t dims) {
  for (size_t token = 0; token < count;) {
    const size_t column = (start + token) % kKeyBlock;
    const size_t here = count - token < kKeyBlock - column ? count - token : kKeyBlock - column;
    float* block = blocks + (start + token) / kKeyBlock * kKeyBlock * dims + column;
    const float* rows = src + token * src_stride;
    for (size_t i = 0; i < dims; ++i)
      for (size_t t = 0; t < here; ++t) block[i * kKeyBlock + t] = rows[t * src_stride + i];
    token += here;
  }
  const size_t end = start + count, column = end % kKeyBlock;
  if (column == 0) return;
  float* block = blocks + end / kKeyBlock * kKeyBlock * dims;
  for (size_t i = 0; i < dims; ++i)
    for (size_t t = column; t < kKeyBlock; ++t) block[i * kKeyBlock + t] = 0;
}

constexpr FloatKernels kVectorKernels = {
    .gemm_f32 = gemm_f32,
    .gemm_rows = kTileRows,
    .gemv_f32 = gemv<LoadF32>,
    .gemv_f16 = gemv<LoadF16>,
    .gemv_bf16 = gemv<LoadBf16>,
    .widen_f16 = widen_f16,
    .widen_bf16 = widen_bf16,
    .widen_q8_0 = widen_blocks_q8_0,
    .widen_q4_0 = widen_blocks_q4_0,
    .widen_q4_1 = widen_blocks_q4_1,
    .narrow_f16 = narrow_f16,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .finish_row = finish_row,
    .rope_halves = rope_halves,
    .rope_pairs = rope_pairs,
    .softmax_tile = softmax_tile,
    .pack_keys = pack_keys,
};

}  // namespace
}  // namespace mica::simd
