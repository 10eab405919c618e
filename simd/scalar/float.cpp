// Float kernels, scalar: the definition that every other level is compared with. Not fast, and not meant to be.
#include "float_kernels.hpp"

#include <cmath>

#include "files_of_stored_types.hpp"
#include "float_storage.hpp"
#include "own_table.hpp"

namespace mica::simd {
namespace {

void gemm_f32(float* c, size_t c_stride, const float* a, size_t a_stride, const float* b, size_t b_stride, size_t rows,
              size_t columns, size_t depth, bool accumulate) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column) {
      float sum = accumulate ? c[row * c_stride + column] : 0.0f;
      for (size_t k = 0; k < depth; ++k) sum += a[row * a_stride + k] * b[k * b_stride + column];
      c[row * c_stride + column] = sum;
    }
  }
}

template <StoredType kType>
void gemv(float* y, const float* x, const uint8_t* w, size_t w_stride, size_t rows, size_t depth, const void*) {
  constexpr size_t kBlockValues = kStoredBlocks[static_cast<size_t>(kType)].values;
  constexpr size_t kBlockBytes = kStoredBlocks[static_cast<size_t>(kType)].bytes;
  float values[kBlockValues];
  for (size_t row = 0; row < rows; ++row) {
    const uint8_t* block = w + row * w_stride;
    float sum = 0;
    for (size_t i = 0; i < depth; i += kBlockValues, block += kBlockBytes) {
      widen_stored<kType>(values, block, kBlockValues);
      for (size_t j = 0; j < kBlockValues; ++j) sum += values[j] * x[i + j];
    }
    y[row] = sum;
  }
}

template <StoredType kType>
void gemv_rows(const GemvRows& activations, const uint8_t* w, size_t w_stride, size_t rows, size_t depth, const void*) {
  for (size_t row = 0; row < activations.count; ++row)
    gemv<kType>(activations.y + row * activations.y_stride, activations.x + row * activations.x_stride, w, w_stride,
                rows, depth, nullptr);
}

void round_words(const float*, size_t, void*) {}  // blocks meet x as it is

void widen_f16(float* dst, const uint16_t* src, size_t n) {
  for (size_t i = 0; i < n; ++i) dst[i] = widen_half(src[i]);
}

void widen_bf16(float* dst, const uint16_t* src, size_t n) {
  for (size_t i = 0; i < n; ++i) dst[i] = widen_brain(src[i]);
}

void narrow_f16(uint16_t* dst, const float* src, size_t n) {
  for (size_t i = 0; i < n; ++i) dst[i] = narrow_half(src[i]);
}

void rms_norm(float* dst, const float* x, const float* weight, float epsilon, size_t n) {
  double squares = 0;
  for (size_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];
  const float inverse = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(n) + epsilon));
  for (size_t i = 0; i < n; ++i) dst[i] = x[i] * inverse * (weight ? weight[i] : 1.0f);
}

void layer_norm(float* dst, const float* x, const float* weight, const float* bias, float epsilon, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += x[i];
  const double mean = sum / static_cast<double>(n);
  double squares = 0;
  for (size_t i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(n) + epsilon);
  for (size_t i = 0; i < n; ++i) {
    const float normal = static_cast<float>((x[i] - mean) * inverse);
    dst[i] = normal * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
  }
}

void finish_row(float* dst, const float* sum, const float* bias, const float* scale, const float* residual, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    float value = sum[i];
    if (bias) value += bias[i];
    if (scale) value *= scale[i];
    if (residual) value += residual[i];
    dst[i] = value;
  }
}

void rope_halves(float* x, const float* cosine, const float* sine, size_t half) {
  for (size_t i = 0; i < half; ++i) {
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

void softmax_tile(float* scores, size_t scores_stride, size_t rows, size_t columns, const uint32_t* allowed,
                  float scale, float* row_max, float* row_sum, float* out, size_t out_stride, size_t dims) {
  for (size_t row = 0; row < rows; ++row) {
    float* score = scores + row * scores_stride;
    const size_t open = allowed && allowed[row] < columns ? allowed[row] : columns;
    float maximum = row_max[row];
    for (size_t i = 0; i < open; ++i) {
      score[i] *= scale;
      if (score[i] > maximum) maximum = score[i];
    }
    for (size_t i = open; i < columns; ++i) score[i] = 0;
    if (open == 0) continue;
    const float rescale = std::exp(row_max[row] - maximum);
    float sum = 0;
    for (size_t i = 0; i < open; ++i) {
      score[i] = std::exp(score[i] - maximum);
      sum += score[i];
    }
    row_sum[row] = row_sum[row] * rescale + sum;
    row_max[row] = maximum;
    for (size_t i = 0; i < dims; ++i) out[row * out_stride + i] *= rescale;
  }
}

void pack_keys(float* blocks, size_t start, const float* src, size_t src_stride, size_t count, size_t dims) {
  for (size_t token = 0; token < count; ++token) {
    const size_t column = start + token;
    float* block = blocks + column / kKeyBlock * kKeyBlock * dims + column % kKeyBlock;
    for (size_t i = 0; i < dims; ++i) block[i * kKeyBlock] = src[token * src_stride + i];
  }
  for (size_t column = start + count; column % kKeyBlock != 0; ++column) {
    float* block = blocks + column / kKeyBlock * kKeyBlock * dims + column % kKeyBlock;
    for (size_t i = 0; i < dims; ++i) block[i * kKeyBlock] = 0;
  }
}

void delta_step(float* state, size_t key_dim, const float* query, const float* key, const float* next, float decay,
                float strength, float* values, float* sums) {
  for (size_t column = 0; column < kDeltaColumns; ++column) {
    const float change = strength * (values[column] - decay * sums[column]);
    float given = 0, given_next = 0;
    for (size_t i = 0; i < key_dim; ++i) {
      float& cell = state[i * kDeltaColumns + column];
      cell = decay * cell + key[i] * change;
      given += query[i] * cell;
      given_next += next[i] * cell;
    }
    values[column] = given;
    sums[column] = given_next;
  }
}

}  // namespace

extern const FloatKernels MICA_TABLE(float) = {
    .gemm_f32 = gemm_f32,
    .gemm_rows = 1,
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
