// Float kernels on the vectors of a level: one source for all. Not the definition: simd/scalar/float.cpp.
#include <cmath>
#include <cstring>
#include <limits>

#include <vector.hpp>

#include "exponentials_inl.hpp"
#include "files_of_stored_types.hpp"
#include "float_kernels.hpp"
#include "float_storage.hpp"
#include "narrow_f16_inl.hpp"
#include "own_table.hpp"
#include "round_up.hpp"
#include "stored_gemv_inl.hpp"

namespace mica::simd {
namespace {

// ---- storage --------------------------------------------------------------------------------------------------------

void widen_f16(float* dst, const uint16_t* src, size_t n) {
  size_t i = 0;
  for (; i + F32::kWidth <= n; i += F32::kWidth) F32::load_f16(src + i).store(dst + i);
  for (; i < n; ++i) dst[i] = widen_half(src[i]);
}

void widen_bf16(float* dst, const uint16_t* src, size_t n) {
  size_t i = 0;
  for (; i + F32::kWidth <= n; i += F32::kWidth) F32::load_bf16(src + i).store(dst + i);
  for (; i < n; ++i) dst[i] = widen_brain(src[i]);
}

// ---- products -------------------------------------------------------------------------------------------------------

// A register tile: kRows rows of c by kVectors vectors of columns, over the whole depth.
template <size_t kRows, size_t kVectors>
inline void gemm_tile(float* c, size_t c_stride, const float* a, size_t a_stride, const float* b, size_t b_stride,
                      size_t depth, bool accumulate) {
  F32 sum[kRows][kVectors];
  for (size_t r = 0; r < kRows; ++r)
    for (size_t v = 0; v < kVectors; ++v)
      sum[r][v] = accumulate ? F32::load(c + r * c_stride + v * F32::kWidth) : F32::all(0.0f);
  for (size_t k = 0; k < depth; ++k) {
    F32 column[kVectors];
    for (size_t v = 0; v < kVectors; ++v) column[v] = F32::load(b + k * b_stride + v * F32::kWidth);
    for (size_t r = 0; r < kRows; ++r) {
      const F32 value = F32::all(a[r * a_stride + k]);
      for (size_t v = 0; v < kVectors; ++v) sum[r][v] = multiply_add(value, column[v], sum[r][v]);
    }
  }
  for (size_t r = 0; r < kRows; ++r)
    for (size_t v = 0; v < kVectors; ++v) sum[r][v].store(c + r * c_stride + v * F32::kWidth);
}

template <size_t kVectors>
inline void gemm_columns(float* c, size_t c_stride, const float* a, size_t a_stride, const float* b, size_t b_stride,
                         size_t rows, size_t depth, bool accumulate) {
  size_t row = 0;
  for (; row + F32::kProductRows <= rows; row += F32::kProductRows)
    gemm_tile<F32::kProductRows, kVectors>(c + row * c_stride, c_stride, a + row * a_stride, a_stride, b, b_stride,
                                           depth, accumulate);
  for (; row + 4 <= rows; row += 4)
    gemm_tile<4, kVectors>(c + row * c_stride, c_stride, a + row * a_stride, a_stride, b, b_stride, depth, accumulate);
  for (; row < rows; ++row)
    gemm_tile<1, kVectors>(c + row * c_stride, c_stride, a + row * a_stride, a_stride, b, b_stride, depth, accumulate);
}

void gemm_f32(float* c, size_t c_stride, const float* a, size_t a_stride, const float* b, size_t b_stride, size_t rows,
              size_t columns, size_t depth, bool accumulate) {
  size_t column = 0;
  for (; column + 2 * F32::kWidth <= columns; column += 2 * F32::kWidth)
    gemm_columns<2>(c + column, c_stride, a, a_stride, b + column, b_stride, rows, depth, accumulate);
  for (; column + F32::kWidth <= columns; column += F32::kWidth)
    gemm_columns<1>(c + column, c_stride, a, a_stride, b + column, b_stride, rows, depth, accumulate);
  for (; column < columns; ++column) {
    for (size_t row = 0; row < rows; ++row) {
      float sum = accumulate ? c[row * c_stride + column] : 0.0f;
      for (size_t k = 0; k < depth; ++k) sum = std::fma(a[row * a_stride + k], b[k * b_stride + column], sum);
      c[row * c_stride + column] = sum;
    }
  }
}

// Plain types of weights, a vector and one at a time.
template <StoredType kType>
struct Plain;
template <>
struct Plain<StoredType::f32> {
  using Weight = float;
  static F32 vector(const float* p) { return F32::load(p); }
  static float one(float w) { return w; }
};
template <>
struct Plain<StoredType::f16> {
  using Weight = uint16_t;
  static F32 vector(const uint16_t* p) { return F32::load_f16(p); }
  static float one(uint16_t w) { return widen_half(w); }
};
template <>
struct Plain<StoredType::bf16> {
  using Weight = uint16_t;
  static F32 vector(const uint16_t* p) { return F32::load_bf16(p); }
  static float one(uint16_t w) { return widen_brain(w); }
};

// Four sums a row hide the latency of the multiply-add; the loads are what bounds it.
template <StoredType kType>
void gemv_plain(float* y, const float* x, const uint8_t* w, size_t w_stride, size_t rows, size_t depth) {
  using Load = Plain<kType>;
  for (size_t row = 0; row < rows; ++row) {
    const auto* weight = reinterpret_cast<const typename Load::Weight*>(w + row * w_stride);
    F32 sum[4] = {F32::all(0.0f), F32::all(0.0f), F32::all(0.0f), F32::all(0.0f)};
    size_t i = 0;
    for (; i + 4 * F32::kWidth <= depth; i += 4 * F32::kWidth)
      for (size_t v = 0; v < 4; ++v)
        sum[v] = multiply_add(Load::vector(weight + i + v * F32::kWidth), F32::load(x + i + v * F32::kWidth), sum[v]);
    for (; i + F32::kWidth <= depth; i += F32::kWidth)
      sum[0] = multiply_add(Load::vector(weight + i), F32::load(x + i), sum[0]);
    float total = sum_of_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (; i < depth; ++i) total = std::fma(Load::one(weight[i]), x[i], total);
    y[row] = total;
  }
}

template <StoredType kType>
void gemv(float* y, const float* x, const uint8_t* w, size_t w_stride, size_t rows, size_t depth,
          [[maybe_unused]] const void* words) {
  using Layout = StoredLayout<kType>;
  if constexpr (Layout::kGroup == 0) gemv_plain<kType>(y, x, w, w_stride, rows, depth);
  else if constexpr (HasCodes<Layout>) gemv_blocks<kType>(y, w, w_stride, rows, depth, words);
  // Integers that go through memory anyway.
  else gemv_blocks_together(kSpanOf<kType>, {y, 0, x, 0, 1}, w, w_stride, rows, depth, words);
}

template <StoredType kType>
void gemv_rows(const GemvRows& activations, const uint8_t* w, size_t w_stride, size_t rows, size_t depth,
               const void* words) {
  if constexpr (StoredLayout<kType>::kGroup != 0) {
    if (activations.count > 1)
      return gemv_blocks_together(kSpanOf<kType>, activations, w, w_stride, rows, depth, words);
  }
  for (size_t row = 0; row < activations.count; ++row)
    gemv<kType>(activations.y + row * activations.y_stride, activations.x + row * activations.x_stride, w, w_stride,
                rows, depth, words);
}

void round_words(const float* x, size_t depth, void* words) { WordRow(words, depth).round(x, depth); }

// ---- rows -----------------------------------------------------------------------------------------------------------

float sum_of_squares(const float* x, float mean, size_t n) {
  F32 sum[2] = {F32::all(0.0f), F32::all(0.0f)};
  const F32 middle = F32::all(mean);
  size_t i = 0;
  for (; i + 2 * F32::kWidth <= n; i += 2 * F32::kWidth) {
    for (size_t v = 0; v < 2; ++v) {
      const F32 value = F32::load(x + i + v * F32::kWidth) - middle;
      sum[v] = multiply_add(value, value, sum[v]);
    }
  }
  float total = sum_of_lanes(sum[0] + sum[1]);
  for (; i < n; ++i) total += (x[i] - mean) * (x[i] - mean);
  return total;
}

void rms_norm(float* dst, const float* x, const float* weight, float epsilon, size_t n) {
  const float inverse = 1.0f / std::sqrt(sum_of_squares(x, 0.0f, n) / static_cast<float>(n) + epsilon);
  const F32 scale = F32::all(inverse);
  size_t i = 0;
  for (; i + F32::kWidth <= n; i += F32::kWidth) {
    const F32 normal = F32::load(x + i) * scale;
    (weight ? normal * F32::load(weight + i) : normal).store(dst + i);
  }
  for (; i < n; ++i) dst[i] = x[i] * inverse * (weight ? weight[i] : 1.0f);
}

void layer_norm(float* dst, const float* x, const float* weight, const float* bias, float epsilon, size_t n) {
  F32 sum = F32::all(0.0f);
  size_t i = 0;
  for (; i + F32::kWidth <= n; i += F32::kWidth) sum = sum + F32::load(x + i);
  float total = sum_of_lanes(sum);
  for (; i < n; ++i) total += x[i];
  const float mean = total / static_cast<float>(n);
  const float inverse = 1.0f / std::sqrt(sum_of_squares(x, mean, n) / static_cast<float>(n) + epsilon);
  const F32 middle = F32::all(mean);
  const F32 scale = F32::all(inverse);
  for (i = 0; i + F32::kWidth <= n; i += F32::kWidth) {
    F32 value = (F32::load(x + i) - middle) * scale;
    if (weight) value = value * F32::load(weight + i);
    if (bias) value = value + F32::load(bias + i);
    value.store(dst + i);
  }
  for (; i < n; ++i) dst[i] = (x[i] - mean) * inverse * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
}

void finish_row(float* dst, const float* sum, const float* bias, const float* scale, const float* residual, size_t n) {
  size_t i = 0;
  for (; i + F32::kWidth <= n; i += F32::kWidth) {
    F32 value = F32::load(sum + i);
    if (bias) value = value + F32::load(bias + i);
    if (scale) value = value * F32::load(scale + i);
    if (residual) value = value + F32::load(residual + i);
    value.store(dst + i);
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
  for (; i + F32::kWidth <= half; i += F32::kWidth) {
    const F32 a = F32::load(x + i);
    const F32 b = F32::load(x + half + i);
    const F32 c = F32::load(cosine + i);
    const F32 s = F32::load(sine + i);
    (a * c - b * s).store(x + i);
    (b * c + a * s).store(x + half + i);
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
  const F32 lowest = F32::all(-std::numeric_limits<float>::infinity());
  F32 high[4] = {lowest, lowest, lowest, lowest};
  size_t i = 0;
  for (; i + 4 * F32::kWidth <= open; i += 4 * F32::kWidth)
    for (size_t v = 0; v < 4; ++v) high[v] = max(high[v], F32::load(score + i + v * F32::kWidth));
  for (; i + F32::kWidth <= open; i += F32::kWidth) high[0] = max(high[0], F32::load(score + i));
  float maximum = greatest_lane(max(max(high[0], high[1]), max(high[2], high[3])));
  for (; i < open; ++i) maximum = score[i] > maximum ? score[i] : maximum;
  return maximum;
}

// score[0, open) becomes exp(score * scale - maximum); returns their sum. The last ones, fewer than a vector, go
// through a padded copy.
inline float weigh_scores(float* score, size_t open, float scale, float maximum) {
  const F32 factor = F32::all(scale), top = F32::all(-maximum);
  F32 total[2] = {F32::all(0.0f), F32::all(0.0f)};
  const auto weigh = [&]<size_t kCount>(float* from) {
    F32 values[kCount];
    for (size_t v = 0; v < kCount; ++v) values[v] = multiply_add(F32::load(from + v * F32::kWidth), factor, top);
    exponentials(values);
    for (size_t v = 0; v < kCount; ++v) values[v].store(from + v * F32::kWidth);
    for (size_t v = 0; v < kCount; ++v) total[v % 2] = total[v % 2] + values[v];
  };
  size_t i = 0;
  for (; i + 4 * F32::kWidth <= open; i += 4 * F32::kWidth) weigh.template operator()<4>(score + i);
  for (; i + F32::kWidth <= open; i += F32::kWidth) weigh.template operator()<1>(score + i);
  if (i < open) {
    alignas(64) float rest[F32::kWidth];
    for (size_t k = 0; k < F32::kWidth; ++k)
      rest[k] = i + k < open ? score[i + k] : -std::numeric_limits<float>::infinity();
    weigh.template operator()<1>(rest);
    std::memcpy(score + i, rest, (open - i) * sizeof(float));
  }
  return sum_of_lanes(total[0] + total[1]);
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
  const F32 factor = exponential(F32::all(before - maximum));
  const float rescale = factor.first();
  *row_sum = *row_sum * rescale + sum;
  size_t i = 0;
  for (; i + F32::kWidth <= dims; i += F32::kWidth) (F32::load(out + i) * factor).store(out + i);
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
      // What fills the last vector becomes 0 by itself.
      const size_t filled = round_up(open, F32::kWidth);
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

// ---- states ---------------------------------------------------------------------------------------------------------

void delta_step(float* state, size_t key_dim, const float* query, const float* key, const float* next, float decay,
                float strength, float* values, float* sums) {
  constexpr size_t kVectors = kDeltaColumns / F32::kWidth;
  const F32 kept = F32::all(decay), learnt = F32::all(strength);
  F32 change[kVectors], given[kVectors], given_next[kVectors];
  for (size_t v = 0; v < kVectors; ++v) {
    const F32 expected = F32::load(sums + v * F32::kWidth);
    change[v] = learnt * multiply_subtract(kept, expected, F32::load(values + v * F32::kWidth));
    given[v] = given_next[v] = F32::all(0.0f);
  }
  for (size_t i = 0; i < key_dim; ++i) {
    const F32 k = F32::all(key[i]), q = F32::all(query[i]), n = F32::all(next[i]);
    float* cells = state + i * kDeltaColumns;
    for (size_t v = 0; v < kVectors; ++v) {
      const F32 cell = multiply_add(k, change[v], kept * F32::load(cells + v * F32::kWidth));
      cell.store(cells + v * F32::kWidth);
      given[v] = multiply_add(q, cell, given[v]);
      given_next[v] = multiply_add(n, cell, given_next[v]);
    }
  }
  for (size_t v = 0; v < kVectors; ++v) {
    given[v].store(values + v * F32::kWidth);
    given_next[v].store(sums + v * F32::kWidth);
  }
}

}  // namespace

extern const FloatKernels MICA_TABLE(float) = {
    .gemm_f32 = gemm_f32,
    .gemm_rows = F32::kProductRows,
    .gemv =
        {
#define MICA_STORED_TYPE(type, ...) gemv<StoredType::type>,
#include "stored_types.inc"
        },
    .gemv_rows =
        {
#define MICA_STORED_TYPE(type, ...) gemv_rows<StoredType::type>,
#include "stored_types.inc"
        },
    .round_words = round_words,
    .widen =
        {
#define MICA_STORED_TYPE(type, ...) widen_stored<StoredType::type>,
#include "stored_types.inc"
        },
    .widen_f16 = widen_f16,
    .narrow_f16 = narrow_f16,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .finish_row = finish_row,
    .rope_halves = rope_halves,
    .rope_pairs = rope_pairs,
    .softmax_tile = softmax_tile,
    .pack_keys = pack_keys,
    .delta_step = delta_step,
};

}  // namespace mica::simd
