// Float kernels: the arithmetic of the float reference path and of attention at every level. Not quantized work: that
// is gemm, quantize, rotate and visual_kv.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

// The types that weights are stored as, in the order of their list.
enum class StoredType : uint8_t {
#define MICA_STORED_TYPE(type, ...) type,
#include "stored_types.inc"
  count
};
inline constexpr size_t kStoredTypes = static_cast<size_t>(StoredType::count);

// Keys are kept in blocks of this many tokens, [head_dim][kKeyBlock], so that scores of a block are one outer product a
// channel and no transposition is needed when they are read.
inline constexpr size_t kKeyBlock = 32;

// Activations that share a scale where blocks of weights meet them in integers.
inline constexpr size_t kWordGroup = 32;
// Of gemv, 4-byte aligned: a 16-bit integer of each activation, a scale and two sums of each group, to whole 256.
constexpr size_t gemv_scratch_bytes(size_t depth) {
  const size_t whole = (depth + 255) / 256 * 256;
  return 2 * whole + 12 * (whole / kWordGroup);
}

// Rows of activations that gemv_rows takes, and where their products go.
inline constexpr size_t kGemvRowsMax = 8;
struct GemvRows {
  float* y;
  size_t y_stride;
  const float* x;
  size_t x_stride;
  size_t count;
};

// Columns of a state of the gated delta rule that a step takes at once.
inline constexpr size_t kDeltaColumns = 32;

// All strides are in elements. Rows need no alignment. Pointers never alias unless a comment says that they may.
struct FloatKernels {
  // c[rows][columns] = a[rows][depth] * b[depth][columns]; with `accumulate` added to what c holds.
  void (*gemm_f32)(float* c, size_t c_stride, const float* a, size_t a_stride, const float* b, size_t b_stride,
                   size_t rows, size_t columns, size_t depth, bool accumulate);
  // How many rows it takes at once: rows are best cut at multiples of this.
  size_t gemm_rows;

  // y[r] = sum over i of w[r][i] * x[i], one row of activations: decode. Weights as they are stored, of each type,
  // rows `w_stride` bytes apart, and depth a multiple of the type's block. No alignment but that of plain types.
  // Blocks may meet x rounded to 16 bits of the greatest of each kWordGroup: `words` is what round_words made of x.
  void (*gemv[kStoredTypes])(float* y, const float* x, const uint8_t* w, size_t w_stride, size_t rows, size_t depth,
                             const void* words);
  // The same of several rows of activations, each of which gets the bits that it gets alone. `words`: those of a row
  // gemv_scratch_bytes behind those of the one before.
  void (*gemv_rows[kStoredTypes])(const GemvRows& activations, const uint8_t* w, size_t w_stride, size_t rows,
                                  size_t depth, const void* words);
  // Of one row, into gemv_scratch_bytes, once for all calls that read them; plain types need none.
  void (*round_words)(const float* x, size_t depth, void* words);

  // n values of each StoredType to float, n a multiple of the type's block. No alignment but that of 16-bit types.
  void (*widen[kStoredTypes])(float* dst, const uint8_t* src, size_t n);
  // The same for what mica itself keeps in halves.
  void (*widen_f16)(float* dst, const uint16_t* src, size_t n);
  // Round to nearest, ties to even; values beyond the range become infinity.
  void (*narrow_f16)(uint16_t* dst, const float* src, size_t n);

  // dst may be x. weight (and bias) may be null: then ones (and zeros).
  void (*rms_norm)(float* dst, const float* x, const float* weight, float epsilon, size_t n);
  void (*layer_norm)(float* dst, const float* x, const float* weight, const float* bias, float epsilon, size_t n);

  // dst[i] = residual[i] + scale[i] * (sum[i] + bias[i]): what follows a matrix product. bias, scale and residual may
  // be null; dst may be sum or residual.
  void (*finish_row)(float* dst, const float* sum, const float* bias, const float* scale, const float* residual,
                     size_t n);

  // Rotates pairs (x[i], x[half + i]) or, for `pairs`, (x[2i], x[2i + 1]) by the angles of the tables, in place.
  void (*rope_halves)(float* x, const float* cosine, const float* sine, size_t half);
  void (*rope_pairs)(float* x, const float* cosine, const float* sine, size_t half);

  // One step of an online softmax over a tile of scores (Milakov and Gimelshein 2018). For each row: scores are
  // multiplied by `scale`; columns from allowed[row] on (all, when allowed is null) are masked; row_max and row_sum are
  // brought up to date; scores become exp(score - new maximum), masked ones 0; and every one of the `dims` values of
  // out[row] is multiplied by exp(old maximum - new maximum). row_max starts at -infinity, row_sum and out at 0.
  void (*softmax_tile)(float* scores, size_t scores_stride, size_t rows, size_t columns, const uint32_t* allowed,
                       float scale, float* row_max, float* row_sum, float* out, size_t out_stride, size_t dims);

  // Puts `count` key rows into blocks: rows of src (src_stride apart) become columns of blocks [dims][kKeyBlock],
  // starting at column `start` of the first block; blocks are dims * kKeyBlock apart. The rest of the last block is set
  // to zero.
  void (*pack_keys)(float* blocks, size_t start, const float* src, size_t src_stride, size_t count, size_t dims);

  // A row of the gated delta rule (arXiv 2412.06464) on kDeltaColumns columns of a state S, [key_dim][kDeltaColumns],
  // read and written once. `sums` holds S^T key. S becomes decay S + key (strength (values - decay sums))^T; then values
  // becomes S^T query, and sums S^T next. next may be key.
  void (*delta_step)(float* state, size_t key_dim, const float* query, const float* key, const float* next, float decay,
                     float strength, float* values, float* sums);
};

}  // namespace mica::simd
