// Rotations on the vectors of a level: one source for all. Not the definition: rotate_kernels.hpp.
//
// A transform goes from the longest stride to the shortest: DCTs over the odd factors, whole cache lines at a time;
// then the Walsh-Hadamard passes of up to kPassBits bits each, block by block so that a block stays in the first cache;
// last the bits below kChunkBits in registers, whose results go to a sink: back to the row, or to int8. The first pass
// of all multiplies. Bits are taken from high to low at every level, and every butterfly rounds once, so powers of two
// have the same bits everywhere.
#include "own_table.hpp"
#include "quantize_row_inl.hpp"
#include "rotate_dct_inl.hpp"
#include "rotate_kernels.hpp"

namespace mica::simd {
namespace {

constexpr size_t kChunkBits = F32::kLaneBits + F32::kRadixBits;
// Bits of one pass through memory, at most. 16 values and what their butterflies need are more than AVX2's registers;
// to spill some is quicker than another pass all the same.
constexpr size_t kPassBits = 4;
// So many values go through all of their passes together where runs are shorter: long loops, which stay in the first
// cache.
constexpr size_t kTogether = 2048;

// Butterflies over the top bit, then the next, of 2^bits values in registers. A processor adds on some ports and
// multiplies on others: most of the differences go to the latter.
template <size_t kStep, size_t kCount>
inline void transform_registers(F32 (&v)[kCount]) {
  if constexpr (kStep > 0) {
#pragma GCC unroll 16
    for (size_t i = 0; i < kCount / 2; ++i) {
      const size_t low = i / kStep * 2 * kStep + i % kStep;
      const F32 a = v[low], b = v[low + kStep];
      v[low] = a + b;
      v[low + kStep] = kStep == 1 ? a - b : difference_by_product(a, b);
    }
    transform_registers<kStep / 2>(v);
  }
}

// Walsh-Hadamard transforms of each run of 2^kBits neighbours within each vector. Bit by bit over all vectors, not
// vector by vector: their chains of dependent instructions then run side by side.
template <size_t kBits, size_t kCount>
inline void transform_lanes(F32 (&v)[kCount]) {
  if constexpr (kBits > 0) {
#pragma GCC unroll 16
    for (size_t k = 0; k < kCount; ++k) v[k] = v[k].template butterfly_of_lanes<kBits - 1>();
    transform_lanes<kBits - 1>(v);
  }
}

// What a pass does to the values that it reads. The first pass of a transform multiplies: a loop of additions has ports
// to spare for it, one that quantizes has not.
struct AsIs {
  F32 of(F32 v) const { return v; }
};
struct Scaled {
  F32 by;
  F32 of(F32 v) const { return v * by; }
};

// kCount values at a distance of `stride`, for `stride` columns, in each run of kCount * stride of the `count` values.
template <size_t kCount, class Read>
void radix_pass(float* x, size_t count, size_t stride, Read read) {
  for (const float* end = x + count; x != end; x += kCount * stride) {
    for (size_t column = 0; column < stride; column += F32::kWidth) {
      F32 v[kCount];
#pragma GCC unroll 16
      for (size_t i = 0; i < kCount; ++i) v[i] = read.of(F32::load(x + i * stride + column));
      transform_registers<kCount / 2>(v);
#pragma GCC unroll 16
      for (size_t i = 0; i < kCount; ++i) v[i].store(x + i * stride + column);
    }
  }
}

// --- sinks -----------------------------------------------------------------------------------------------------------

// A sink gives a writer for values that begin at a place of the row; what changes for each value is the writer's own,
// in registers: an object in memory might be what the bytes are written to.
struct FloatSink {
  struct Writer {
    float* place;

    template <size_t kCount>
    void put(const F32 (&v)[kCount], size_t i) {
#pragma GCC unroll 16
      for (size_t k = 0; k < kCount; ++k) v[k].store(place + i + k * F32::kWidth);
    }
  };

  Writer writer_at(float* place) const { return {place}; }
  void finish(const Writer&) {}
  bool takes_mean(const float*) const { return false; }
  void take_mean(F32*) {}
};

// Writes int8 to where the float would stand in the row. Where `mean` is given, the first channel goes there instead.
class QuantizeSink {
 public:
  struct Writer {
    Quantizer quantizer;
    int8_t* place;

    template <size_t kCount>
    void put(const F32 (&v)[kCount], size_t i) {
#pragma GCC unroll 8
      for (size_t k = 0; k < kCount; k += Quantizer::kVectors) quantizer.put(v + k, place + i + k * F32::kWidth);
    }
  };

  QuantizeSink(int8_t* dst, const float* row, float multiplier, float* mean)
      : dst_(dst), row_(row), multiplier_(multiplier), mean_(mean) {}

  Writer writer_at(const float* place) const { return {Quantizer(), dst_ + (place - row_)}; }
  void finish(const Writer& writer) { sum_ += writer.quantizer.sum(); }
  int32_t sum() const { return sum_; }

  // Whether the row begins at `place` and its mean is wanted.
  bool takes_mean(const float* place) const { return mean_ && place == row_; }
  void take_mean(F32* first) {
    float lanes[F32::kWidth];
    first->store(lanes);
    *mean_ = lanes[0] / multiplier_;
    lanes[0] = 0.0f;
    *first = F32::load(lanes);
  }

 private:
  int8_t* dst_;
  const float* row_;
  float multiplier_;
  float* mean_;
  int32_t sum_ = 0;
};

// --- Walsh-Hadamard --------------------------------------------------------------------------------------------------

// Whole vectors, as one run.
template <size_t kCount, class Read>
inline void load_transformed(F32 (&v)[kCount], const float* x, Read read) {
#pragma GCC unroll 16
  for (size_t k = 0; k < kCount; ++k) v[k] = read.of(F32::load(x + k * F32::kWidth));
  transform_registers<kCount / 2>(v);
  transform_lanes<F32::kLaneBits>(v);
}

// Runs of 2^kBits values, kLaneBits <= kBits <= kChunkBits, `count` values in all, each run held in registers.
template <size_t kBits, class Read, class Sink>
void chunks(float* x, size_t count, Read read, Sink& sink) {
  constexpr size_t kVectors = size_t{1} << (kBits - F32::kLaneBits);
  constexpr size_t kRun = kVectors * F32::kWidth;
  typename Sink::Writer writer = sink.writer_at(x);
  size_t i = 0;
  if (sink.takes_mean(x)) {  // not in the loop, whose registers are all in use
    F32 v[kVectors];
    load_transformed(v, x, read);
    sink.take_mean(&v[0]);
    writer.put(v, i);
    i = kRun;
  }
  for (; i < count; i += kRun) {
    F32 v[kVectors];
    load_transformed(v, x + i, read);
    writer.put(v, i);
  }
  sink.finish(writer);
}

// Runs shorter than a vector: several in one, the last ones in a copy.
template <size_t kBits, class Read>
void short_runs(float* x, size_t count, Read read) {
  size_t i = 0;
  for (; i + F32::kWidth <= count; i += F32::kWidth) {
    F32 v[] = {read.of(F32::load(x + i))};
    transform_lanes<kBits>(v);
    v[0].store(x + i);
  }
  if (i == count) return;
  float rest[F32::kWidth] = {};
  for (size_t k = i; k < count; ++k) rest[k - i] = x[k];
  F32 v[] = {read.of(F32::load(rest))};
  transform_lanes<kBits>(v);
  v[0].store(rest);
  for (size_t k = i; k < count; ++k) x[k] = rest[k - i];
}

template <class Read>
void radix_pass_of(size_t bits, float* x, size_t count, size_t stride, Read read) {
  switch (bits) {
    case 1: return radix_pass<2>(x, count, stride, read);
    case 2: return radix_pass<4>(x, count, stride, read);
    case 3: return radix_pass<8>(x, count, stride, read);
    default: return radix_pass<16>(x, count, stride, read);
  }
}

// Transforms of 2^power values, power >= kChunkBits, one after another.
template <class Read, class Sink>
void long_runs(float* x, size_t count, size_t power, Read read, Sink& sink) {
  if (power == kChunkBits) return chunks<kChunkBits>(x, count, read, sink);
  const size_t above = power - kChunkBits;
  // Passes of nearly equal radix: 5 bits are 3 and 2, not 4 and 1.
  const size_t passes = (above + kPassBits - 1) / kPassBits;
  const size_t bits = (above + passes - 1) / passes;
  const size_t run = size_t{1} << power;
  const size_t step = run < kTogether ? kTogether : run;
  for (size_t i = 0; i < count; i += step) {
    const size_t here = count - i < step ? count - i : step;
    radix_pass_of(bits, x + i, here, run >> bits, read);
    long_runs(x + i, here, power - bits, AsIs(), sink);
  }
}

// Transforms of 2^power values, power >= kBits, `count` in all. Runs shorter than a vector are for the FloatSink alone.
template <size_t kBits, class Read, class Sink>
void walsh_hadamard(float* x, size_t count, size_t power, Read read, Sink& sink) {
  if constexpr (kBits == kChunkBits) {
    long_runs(x, count, power, read, sink);
  } else if (power != kBits) {
    walsh_hadamard<kBits + 1>(x, count, power, read, sink);
  } else if constexpr (kBits < F32::kLaneBits) {
    short_runs<kBits>(x, count, read);
  } else {
    chunks<kBits>(x, count, read, sink);
  }
}

// --- rows ------------------------------------------------------------------------------------------------------------

void flip_signs(float* x, const uint32_t* sign_bits, size_t width) {
  size_t i = 0;
  for (; i + F32::kWidth <= width; i += F32::kWidth)
    F32::load(x + i).negated_where(sign_bits[i / 32] >> i % 32).store(x + i);
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
  const F32 first_scale = F32::all(join.first * half);
  const F32 second_scale = F32::all(join.second * half);
  size_t i = 0;
  for (; i + F32::kWidth <= pairs; i += F32::kWidth) {
    const F32 a = F32::load(x + i) * first_scale;
    const F32 b = F32::load(second + i);
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

// One part, times `scale`, to the sink; its power is at least kBits.
template <bool kInverse, size_t kBits, class Sink>
void transform_part(const RotationPlan& plan, const RotationPart& part, float scale, float* x, Sink& sink) {
  dcts<kInverse>(plan, part, scale, x);
  if (part.factor_count != 0 || scale == 1.0f) walsh_hadamard<kBits>(x, part.width, part.power, AsIs(), sink);
  else walsh_hadamard<kBits>(x, part.width, part.power, Scaled{F32::all(scale)}, sink);
}

// Both parts, without G, in place.
template <bool kInverse>
void transform_parts(const RotationPlan& plan, float scale, float* x) {
  FloatSink sink;
  for (uint32_t p = 0; p < plan.part_count; ++p) {
    transform_part<kInverse, 0>(plan, plan.parts[p], scale, x, sink);
    x += plan.parts[p].width;
  }
}

// R x times `scale`, in place.
void rotate_block(const RotationPlan& plan, float scale, float* x) {
  const bool joined = plan.part_count == 2;
  transform_parts<false>(plan, joined ? 1.0f : scaled_by_root(scale, plan.width), x);
  if (joined) join_forward(plan, make_join(plan, scale), x);
}

void rotate(const RotationPlan& plan, size_t blocks, const uint32_t* sign_bits, float scale, float* row) {
  for (size_t block = 0; block < blocks; ++block, row += plan.width) {
    if (sign_bits) flip_signs(row, sign_bits, plan.width);
    rotate_block(plan, scale, row);
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

int32_t rotate_quantize(int8_t* dst, const RotationPlan& plan, float multiplier, float* mean, float* row) {
  if (plan.part_count == 1 && plan.parts[0].power >= 5) {  // runs of whole groups of 32 go from the registers to int8
    QuantizeSink sink(dst, row, multiplier, mean);
    transform_part<false, 5>(plan, plan.parts[0], scaled_by_root(multiplier, plan.width), row, sink);
    return sink.sum();
  }
  rotate_block(plan, multiplier, row);
  if (mean) {
    *mean = row[0] / multiplier;
    row[0] = 0.0f;
  }
  return quantize_row(dst, row, 1.0f, plan.width);
}

}  // namespace

extern const RotateKernels MICA_TABLE(rotate) = {
    .rotate = rotate,
    .rotate_inverse = rotate_inverse,
    .rotate_quantize = rotate_quantize,
};

}  // namespace mica::simd
