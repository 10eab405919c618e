// Rotations on the Vector of a level: one source for every vector level, included by simd/<level>/rotate.cpp only,
// after that level's lanes.hpp. Not the definition: rotate_kernels.hpp is. Everything here has internal linkage.
//
// A transform goes from the longest stride to the shortest: DCTs over the odd factors, whole cache lines at a time;
// then the Walsh-Hadamard passes of kRadixBits bits each, block by block so that a block stays in the first cache;
// last the bits below kChunkBits in registers, whose results go to a sink: back to the row, or to int8. Bits are
// taken from high to low at every level, and every butterfly rounds once, so powers of two have the same bits
// everywhere.
#pragma once

#include <utility>

#include "dct_angle.hpp"
#include "quantize_row_inl.hpp"
#include "rotate_kernels.hpp"

namespace mica::simd {
namespace {

constexpr size_t kChunkBits = Vector::kLaneBits + Vector::kRadixBits;

// Butterflies over the top bit, then the next, of 2^bits values in registers.
template <size_t kCount>
inline void transform_registers(Vector (&v)[kCount]) {
#pragma GCC unroll 4
  for (size_t step = kCount / 2; step > 0; step /= 2) {
#pragma GCC unroll 16
    for (size_t i = 0; i < kCount; ++i) {
      if (i & step) continue;
      const Vector a = v[i];
      v[i] = a + v[i + step];
      v[i + step] = a - v[i + step];
    }
  }
}

// kCount values at a distance of `stride`, for `stride` columns.
template <size_t kCount>
void radix_pass(float* x, size_t stride) {
  for (size_t column = 0; column < stride; column += Vector::kWidth) {
    Vector v[kCount];
#pragma GCC unroll 16
    for (size_t i = 0; i < kCount; ++i) v[i] = Vector::load(x + i * stride + column);
    transform_registers(v);
#pragma GCC unroll 16
    for (size_t i = 0; i < kCount; ++i) v[i].store(x + i * stride + column);
  }
}

// --- sinks -----------------------------------------------------------------------------------------------------------

class FloatSink {
 public:
  explicit FloatSink(float scale) : scale_(Vector::all(scale)) {}
  template <size_t kCount>
  void put(Vector (&v)[kCount], float* place) {
#pragma GCC unroll 16
    for (size_t i = 0; i < kCount; ++i) (v[i] * scale_).store(place + i * Vector::kWidth);
  }

 private:
  Vector scale_;
};

// Writes int8 to where the float would stand in the row. Where `means` is given, the first channel of each block goes
// there instead.
class QuantizeSink {
 public:
  QuantizeSink(int8_t* dst, const float* row, float multiplier, size_t width, float* means, float mean_scale)
      : quantizer_(multiplier), dst_(dst), row_(row), width_(width), means_(means), mean_scale_(mean_scale) {}

  template <size_t kCount>
  void put(Vector (&v)[kCount], const float* place) {
    const size_t channel = static_cast<size_t>(place - row_);
    if (means_ && channel == next_block_) take_mean(&v[0]);
#pragma GCC unroll 8
    for (size_t i = 0; i < kCount; i += Quantizer::kVectors) quantizer_.put(v + i, dst_ + channel + i * Vector::kWidth);
  }
  int32_t sum() const { return quantizer_.sum(); }

 private:
  void take_mean(Vector* first) {
    float lanes[Vector::kWidth];
    first->store(lanes);
    *means_++ = lanes[0] * mean_scale_;
    lanes[0] = 0.0f;
    *first = Vector::load(lanes);
    next_block_ += width_;
  }

  Quantizer quantizer_;
  int8_t* dst_;
  const float* row_;
  size_t width_;
  float* means_;
  float mean_scale_;
  size_t next_block_ = 0;
};

// --- Walsh-Hadamard --------------------------------------------------------------------------------------------------

// Runs of 2^kBits values, kLaneBits <= kBits <= kChunkBits, `count` values in all, each run held in registers.
template <size_t kBits, class Sink>
void chunks(float* x, size_t count, Sink& sink) {
  constexpr size_t kVectors = size_t{1} << (kBits - Vector::kLaneBits);
  for (size_t i = 0; i < count; i += kVectors * Vector::kWidth) {
    Vector v[kVectors];
#pragma GCC unroll 16
    for (size_t k = 0; k < kVectors; ++k) v[k] = Vector::load(x + i + k * Vector::kWidth);
    transform_registers(v);
#pragma GCC unroll 16
    for (size_t k = 0; k < kVectors; ++k) v[k] = v[k].template transformed<Vector::kLaneBits>();
    sink.put(v, x + i);
  }
}

// Runs shorter than a vector: several in one, the last ones in a copy.
template <size_t kBits>
void short_runs(float* x, size_t count, FloatSink& sink) {
  size_t i = 0;
  for (; i + Vector::kWidth <= count; i += Vector::kWidth) {
    Vector v[] = {Vector::load(x + i).template transformed<kBits>()};
    sink.put(v, x + i);
  }
  if (i == count) return;
  float rest[Vector::kWidth] = {};
  for (size_t k = i; k < count; ++k) rest[k - i] = x[k];
  Vector v[] = {Vector::load(rest).template transformed<kBits>()};
  sink.put(v, rest);
  for (size_t k = i; k < count; ++k) x[k] = rest[k - i];
}

// Transforms of 2^power values, power >= kChunkBits, one after another.
template <class Sink>
void long_runs(float* x, size_t count, size_t power, Sink& sink) {
  if (power == kChunkBits) return chunks<kChunkBits>(x, count, sink);
  const size_t above = power - kChunkBits;
  // Passes of nearly equal radix: 4 bits are two passes of 2, not 3 and 1.
  const size_t passes = (above + Vector::kRadixBits - 1) / Vector::kRadixBits;
  const size_t bits = (above + passes - 1) / passes;
  const size_t run = size_t{1} << power;
  const size_t stride = run >> bits;
  for (size_t i = 0; i < count; i += run) {
    switch (bits) {
      case 1: radix_pass<2>(x + i, stride); break;
      case 2: radix_pass<4>(x + i, stride); break;
      case 3: radix_pass<8>(x + i, stride); break;
      default: radix_pass<16>(x + i, stride); break;
    }
    long_runs(x + i, run, power - bits, sink);
  }
}

// `count` values, a multiple of 2^power; power >= kBits.
template <size_t kBits, class Sink>
void walsh_hadamard(float* x, size_t count, size_t power, Sink& sink) {
  if constexpr (kBits == kChunkBits) {
    long_runs(x, count, power, sink);
  } else if (power != kBits) {
    walsh_hadamard<kBits + 1>(x, count, power, sink);
  } else if constexpr (kBits < Vector::kLaneBits) {
    short_runs<kBits>(x, count, sink);
  } else {
    chunks<kBits>(x, count, sink);
  }
}

// --- discrete cosine transforms --------------------------------------------------------------------------------------

template <int kPrime, int kRow, int kColumn>
inline Vector add_term(Vector sum, Vector x, const Vector* cosines) {
  constexpr DctAngle angle = dct_angle(kPrime, kRow, kColumn);
  return angle.negative ? multiply_subtract(cosines[angle.quarter], x, sum)
                        : multiply_add(cosines[angle.quarter], x, sum);
}

// Row kRow of the matrix on the folded inputs: sums x[j] + x[p - 1 - j] (and the middle) for even rows, differences for
// odd ones, because columns j and p - 1 - j differ in sign there.
template <int kPrime, int kRow, int... kColumns>
inline Vector dct_row(const Vector* folded, const Vector* cosines, std::integer_sequence<int, kColumns...>) {
  constexpr DctAngle first = dct_angle(kPrime, kRow, 0);
  static_assert(!first.negative);
  Vector sum = cosines[first.quarter] * folded[0];
  ((sum = add_term<kPrime, kRow, kColumns + 1>(sum, folded[kColumns + 1], cosines)), ...);
  return sum;
}

template <int kPrime, int... kRows>
inline void dct_rows(Vector* y, const Vector* sums, const Vector* differences, const Vector* cosines,
                     std::integer_sequence<int, kRows...>) {
  constexpr int kHalf = kPrime / 2;
  ((y[2 * kRows + 1] =
        dct_row<kPrime, 2 * kRows + 1>(differences, cosines, std::make_integer_sequence<int, kHalf - 1>())),
   ...);
  ((y[2 * kRows + 2] = dct_row<kPrime, 2 * kRows + 2>(sums, cosines, std::make_integer_sequence<int, kHalf>())), ...);
}

// Forward, rows scaled by sqrt(p): row 0 is all ones.
template <int kPrime>
inline void dct(Vector* x, const Vector* cosines) {
  constexpr int kHalf = kPrime / 2;
  Vector sums[kHalf + 1];
  Vector differences[kHalf];
#pragma GCC unroll 8
  for (int j = 0; j < kHalf; ++j) {
    sums[j] = x[j] + x[kPrime - 1 - j];
    differences[j] = x[j] - x[kPrime - 1 - j];
  }
  sums[kHalf] = x[kHalf];
  x[0] = sums[0];
#pragma GCC unroll 8
  for (int j = 1; j <= kHalf; ++j) x[0] = x[0] + sums[j];
  dct_rows<kPrime>(x, sums, differences, cosines, std::make_integer_sequence<int, kHalf>());
}

// Column kColumn < p / 2 of the even (kOdd = 0) or odd rows 1 to p - 1: half of what the transposed matrix needs.
template <int kPrime, int kColumn, int kOdd, int... kRows>
inline Vector dct_column(const Vector* x, const Vector* cosines, std::integer_sequence<int, kRows...>) {
  Vector sum = kOdd ? Vector::all(0.0f) : x[0];
  ((sum = add_term<kPrime, 2 * kRows + 2 - kOdd, kColumn>(sum, x[2 * kRows + 2 - kOdd], cosines)), ...);
  return sum;
}

// The transpose of dct().
template <int kPrime, int... kColumns>
inline void inverse_dct(Vector* x, const Vector* cosines, std::integer_sequence<int, kColumns...>) {
  constexpr int kHalf = kPrime / 2;
  constexpr auto kRows = std::make_integer_sequence<int, kHalf>();
  const Vector even[] = {dct_column<kPrime, kColumns, 0>(x, cosines, kRows)...};
  const Vector odd[] = {dct_column<kPrime, kColumns, 1>(x, cosines, kRows)...};
#pragma GCC unroll 8
  for (int j = 0; j < kHalf; ++j) {
    x[j] = even[j] + odd[j];
    x[kPrime - 1 - j] = even[j] - odd[j];
  }
  x[kHalf] = even[kHalf];
}

template <int kPrime, bool kInverse>
inline void dct_columns(Vector* v, const Vector* cosines) {
  if constexpr (kInverse) inverse_dct<kPrime>(v, cosines, std::make_integer_sequence<int, kPrime / 2 + 1>());
  else dct<kPrime>(v, cosines);
}

// `outer` blocks of kPrime runs of `stride` columns.
template <int kPrime, bool kInverse>
void dct_pass(float* x, size_t outer, size_t stride, const float* table) {
  // The last is the cosine of a right angle, which odd rows have in their middle column.
  Vector cosines[kPrime + 1];
  for (int m = 0; m < kPrime; ++m) cosines[m] = Vector::all(table[m]);
  cosines[kPrime] = Vector::all(0.0f);
  const size_t whole = stride / Vector::kWidth * Vector::kWidth;
  for (const float* end = x + outer * kPrime * stride; x != end; x += kPrime * stride) {
    Vector v[kPrime];
    for (size_t column = 0; column < whole; column += Vector::kWidth) {
#pragma GCC unroll 16
      for (int k = 0; k < kPrime; ++k) v[k] = Vector::load(x + k * stride + column);
      dct_columns<kPrime, kInverse>(v, cosines);
#pragma GCC unroll 16
      for (int k = 0; k < kPrime; ++k) v[k].store(x + k * stride + column);
    }
    if (whole == stride) continue;
    // The last columns, fewer than a vector, in a copy.
    float rest[kPrime][Vector::kWidth] = {};
    for (int k = 0; k < kPrime; ++k)
      for (size_t column = whole; column < stride; ++column) rest[k][column - whole] = x[k * stride + column];
    for (int k = 0; k < kPrime; ++k) v[k] = Vector::load(rest[k]);
    dct_columns<kPrime, kInverse>(v, cosines);
    for (int k = 0; k < kPrime; ++k) v[k].store(rest[k]);
    for (int k = 0; k < kPrime; ++k)
      for (size_t column = whole; column < stride; ++column) x[k * stride + column] = rest[k][column - whole];
  }
}

// All factors of a part.
template <bool kInverse>
void dcts(const RotationPlan& plan, const RotationPart& part, float* x) {
  size_t stride = part.width;
  size_t outer = 1;
  for (uint32_t f = 0; f < part.factor_count; ++f) {
    const uint32_t prime = part.factors[f];
    stride /= prime;
    const float* table = plan.cosines[prime];
    switch (prime) {
      case 3: dct_pass<3, kInverse>(x, outer, stride, table); break;
      case 5: dct_pass<5, kInverse>(x, outer, stride, table); break;
      case 7: dct_pass<7, kInverse>(x, outer, stride, table); break;
      case 11: dct_pass<11, kInverse>(x, outer, stride, table); break;
      default: dct_pass<13, kInverse>(x, outer, stride, table); break;
    }
    outer *= prime;
  }
}

// --- rows ------------------------------------------------------------------------------------------------------------

void flip_signs(float* x, const uint32_t* sign_bits, size_t width) {
  size_t i = 0;
  for (; i + Vector::kWidth <= width; i += Vector::kWidth)
    Vector::load(x + i).negated_where(sign_bits[i / 32] >> i % 32).store(x + i);
  for (; i < width; ++i)
    if (sign_bits[i / 32] >> i % 32 & 1) x[i] = -x[i];
}

// G of rotate_kernels.hpp and its inverse (G is symmetric but for the sign of s). `first` and `second` scale the parts
// on their way in (forward) and on their way out (inverse).
struct Join {
  float cosine;
  float sine;
  float first;
  float second;
};

Join make_join(const RotationPlan& plan, float scale) {
  const float n0 = static_cast<float>(plan.parts[0].width);
  const float n1 = static_cast<float>(plan.parts[1].width);
  const float n = static_cast<float>(plan.width);
  return {__builtin_sqrtf(n0 / n), __builtin_sqrtf(n1 / n), scale / __builtin_sqrtf(n0), scale / __builtin_sqrtf(n1)};
}

void join_forward(const RotationPlan& plan, const Join& join, float* x) {
  const size_t pairs = plan.parts[1].width;
  float* second = x + plan.parts[0].width;
  const float a0 = x[0] * join.first;
  const float b0 = second[0] * join.second;
  const float half = __builtin_sqrtf(0.5f);
  const Vector first_scale = Vector::all(join.first * half);
  const Vector second_scale = Vector::all(join.second * half);
  size_t i = 0;
  for (; i + Vector::kWidth <= pairs; i += Vector::kWidth) {
    const Vector a = Vector::load(x + i) * first_scale;
    const Vector b = Vector::load(second + i);
    multiply_add(b, second_scale, a).store(x + i);
    multiply_subtract(b, second_scale, a).store(second + i);
  }
  for (; i < pairs; ++i) {
    const float a = x[i] * (join.first * half);
    const float b = second[i] * (join.second * half);
    x[i] = a + b;
    second[i] = a - b;
  }
  for (; i < plan.parts[0].width; ++i) x[i] *= join.first;
  x[0] = join.cosine * a0 + join.sine * b0;
  second[0] = join.cosine * b0 - join.sine * a0;
}

void join_inverse(const RotationPlan& plan, const Join& join, float* x) {
  const size_t pairs = plan.parts[1].width;
  float* second = x + plan.parts[0].width;
  const float a0 = join.cosine * x[0] - join.sine * second[0];
  const float b0 = join.sine * x[0] + join.cosine * second[0];
  const float half = __builtin_sqrtf(0.5f);
  for (size_t i = 1; i < pairs; ++i) {
    const float a = x[i] + second[i];
    const float b = x[i] - second[i];
    x[i] = a * (join.first * half);
    second[i] = b * (join.second * half);
  }
  for (size_t i = pairs; i < plan.parts[0].width; ++i) x[i] *= join.first;
  x[0] = a0 * join.first;
  second[0] = b0 * join.second;
}

float scaled_by_root(float scale, size_t width) { return scale / __builtin_sqrtf(static_cast<float>(width)); }

// Both parts, without G; rows of one part come out times `scale`.
template <bool kInverse>
void transform_parts(const RotationPlan& plan, float scale, float* x) {
  FloatSink sink(scale);
  for (uint32_t p = 0; p < plan.part_count; ++p) {
    const RotationPart& part = plan.parts[p];
    dcts<kInverse>(plan, part, x);
    walsh_hadamard<0>(x, part.width, part.power, sink);
    x += part.width;
  }
}

void rotate(const RotationPlan& plan, size_t blocks, const uint32_t* sign_bits, float scale, float* row) {
  const bool joined = plan.part_count == 2;
  for (size_t block = 0; block < blocks; ++block, row += plan.width) {
    if (sign_bits) flip_signs(row, sign_bits, plan.width);
    transform_parts<false>(plan, joined ? 1.0f : scaled_by_root(scale, plan.width), row);
    if (joined) join_forward(plan, make_join(plan, scale), row);
  }
}

void rotate_inverse(const RotationPlan& plan, size_t blocks, const uint32_t* sign_bits, float scale, float* row) {
  const bool joined = plan.part_count == 2;
  for (size_t block = 0; block < blocks; ++block, row += plan.width) {
    if (joined) join_inverse(plan, make_join(plan, scale), row);
    transform_parts<true>(plan, joined ? 1.0f : scaled_by_root(scale, plan.width), row);
    if (sign_bits) flip_signs(row, sign_bits, plan.width);
  }
}

int32_t rotate_quantize(int8_t* dst, const RotationPlan& plan, size_t blocks, const uint32_t* sign_bits,
                        float multiplier, float* means, float* row) {
  const size_t width = plan.width;
  const bool joined = plan.part_count == 2;
  // One part: its constant factor goes into the multiplier.
  const float factor = joined ? 1.0f : scaled_by_root(1.0f, width);
  // Runs of whole groups of 32 go from the registers to int8.
  const bool direct = !joined && plan.parts[0].power >= 5;
  QuantizeSink sink(dst, row, multiplier * factor, width, means, factor);
  for (size_t block = 0; block < blocks; ++block) {
    float* x = row + block * width;
    if (sign_bits) flip_signs(x, sign_bits, width);
    if (direct) {
      dcts<false>(plan, plan.parts[0], x);
      walsh_hadamard<5>(x, width, plan.parts[0].power, sink);
      continue;
    }
    transform_parts<false>(plan, 1.0f, x);
    if (joined) join_forward(plan, make_join(plan, 1.0f), x);
    if (!means) continue;
    means[block] = x[0] * factor;
    x[0] = 0.0f;
  }
  return direct ? sink.sum() : quantize_row(dst, row, multiplier * factor, blocks * width);
}

constexpr RotateKernels kRotateKernels = {
    .rotate = rotate,
    .rotate_inverse = rotate_inverse,
    .rotate_quantize = rotate_quantize,
};

}  // namespace
}  // namespace mica::simd
