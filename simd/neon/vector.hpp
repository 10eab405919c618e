// The vectors of level neon: four floats (F32), four integers (S32), 16 bytes (U8), and how one becomes the other. What all sources in
// vector/ are written on; not kernels. Internal linkage: nothing here leaves the file that includes it.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include <add_bytes_inl.hpp>  // of the level that is compiled, not of this folder

namespace mica::simd {
namespace {

// Four bytes, in every group of four.
inline int8x16_t broadcast_4(const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

struct F32 {
  static constexpr size_t kWidth = 4;
  static constexpr size_t kLaneBits = 2;
  static constexpr size_t kRadixBits = 4;     // 16 of the 32 registers hold a rotation pass's values
  static constexpr size_t kProductRows = 10;  // by two vectors: 20 sums, 2 columns and a broadcast

  float32x4_t lanes;

  static F32 load(const float* p) { return {vld1q_f32(p)}; }
  static F32 all(float value) { return {vdupq_n_f32(value)}; }
  void store(float* p) const { vst1q_f32(p, lanes); }
  float first() const { return vgetq_lane_f32(lanes, 0); }

  // float16, bfloat16 and unsigned bytes, widened.
  static F32 load_f16(const uint16_t* p) { return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))}; }
  static F32 load_bf16(const uint16_t* p) { return {vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16))}; }
  static F32 load_u8(const uint8_t* p) {
    uint32_t four;
    __builtin_memcpy(&four, p, sizeof(four));
    return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))))};
  }

  friend F32 operator+(F32 a, F32 b) { return {vaddq_f32(a.lanes, b.lanes)}; }
  friend F32 operator-(F32 a, F32 b) { return {vsubq_f32(a.lanes, b.lanes)}; }
  friend F32 operator*(F32 a, F32 b) { return {vmulq_f32(a.lanes, b.lanes)}; }
  friend F32 operator/(F32 a, F32 b) { return {vdivq_f32(a.lanes, b.lanes)}; }
  F32 operator-() const { return {vnegq_f32(lanes)}; }
  // c + a * b and c - a * b, rounded once.
  friend F32 multiply_add(F32 a, F32 b, F32 c) { return {vfmaq_f32(c.lanes, a.lanes, b.lanes)}; }
  friend F32 multiply_subtract(F32 a, F32 b, F32 c) { return {vfmsq_f32(c.lanes, a.lanes, b.lanes)}; }
  // Where one is not a number, neither is the result.
  friend F32 min(F32 a, F32 b) { return {vminq_f32(a.lanes, b.lanes)}; }
  friend F32 max(F32 a, F32 b) { return {vmaxq_f32(a.lanes, b.lanes)}; }
  friend F32 magnitude(F32 a) { return {vabsq_f32(a.lanes)}; }
  // a < b ? then : otherwise
  friend F32 where_less(F32 a, F32 b, F32 then, F32 otherwise) {
    return {vbslq_f32(vcltq_f32(a.lanes, b.lanes), then.lanes, otherwise.lanes)};
  }
  friend float sum_of_lanes(F32 v) { return vaddvq_f32(v.lanes); }
  friend float greatest_lane(F32 v) { return vmaxvq_f32(v.lanes); }
  // a - b: the same ports add and multiply.
  friend F32 difference_by_product(F32 a, F32 b) { return a - b; }

  // Butterflies of the lanes whose numbers differ in bit kBit.
  template <size_t kBit>
  F32 butterfly_of_lanes() const {
    constexpr float kHighBit[] = {1, 1, -1, -1};
    constexpr float kLowBit[] = {1, -1, 1, -1};
    const float32x4_t x = lanes;
    if constexpr (kBit == 1)
      return {vfmaq_f32(vextq_f32(x, x, 2), x, vld1q_f32(kHighBit))};
    else
      return {vfmaq_f32(vrev64q_f32(x), x, vld1q_f32(kLowBit))};
  }

  // Lane i negated where bit i of `bits` is set.
  F32 negated_where(uint32_t bits) const {
    constexpr int32_t kAhead[] = {31, 30, 29, 28};
    const uint32x4_t signs = vshlq_u32(vdupq_n_u32(bits), vld1q_s32(kAhead));
    const uint32x4_t sign = vandq_u32(signs, vdupq_n_u32(0x80000000u));
    return {vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(lanes), sign))};
  }
};

// Activations as 16-bit integers: 32 of them, from word 32 * group on; sums become those of each 16.
constexpr float kWordMost = 32767;
inline void store_words(int16_t* words, size_t group, const float* x, float inverse, int32_t* sums) {
  words += group * 32;
  for (size_t half = 0; half < 2; ++half) {
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t i = 0; i < 16; i += 4, x += 4, words += 4) {
      const int32x4_t rounded = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x), inverse));
      sum = vaddq_s32(sum, rounded);
      vst1_s16(words, vqmovn_s32(rounded));
    }
    sums[half] = vaddvq_s32(sum);
  }
}

// To `total` the products of 64 codes from 0 on, pair kPair of 32 of a span, with words from 32 * group on, times the
// scale of each kGroup of the span.
inline int32x4_t products_of_sixteen(uint8x16_t codes, const int16_t* words) {
  const int16x8_t near = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(codes)));
  const int16x8_t far = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(codes)));
  int32x4_t sum = vmull_s16(vget_low_s16(near), vld1_s16(words));
  sum = vmlal_s16(sum, vget_high_s16(near), vld1_s16(words + 4));
  sum = vmlal_s16(sum, vget_low_s16(far), vld1_s16(words + 8));
  return vmlal_s16(sum, vget_high_s16(far), vld1_s16(words + 12));
}
template <size_t kGroup, size_t kPair, class Bytes32>
inline F32 add_products(F32 total, Bytes32 low, Bytes32 high, const int16_t* words, size_t group, const float* scales) {
  words += group * 32;
  scales += kPair * 64 / kGroup;
  for (const Bytes32& codes : {low, high}) {
    uint8x16_t halves[2];
    __builtin_memcpy(halves, &codes, sizeof halves);
    const int32x4_t near = products_of_sixteen(halves[0], words), far = products_of_sixteen(halves[1], words + 16);
    if constexpr (kGroup == 16) {
      total = multiply_add(F32::all(*scales++), F32{vcvtq_f32_s32(near)}, total);
      total = multiply_add(F32::all(*scales++), F32{vcvtq_f32_s32(far)}, total);
    } else {
      total = multiply_add(F32::all(*scales++), F32{vcvtq_f32_s32(vaddq_s32(near, far))}, total);
    }
    words += 32;
  }
  return total;
}

// Floats to float16 at `to`, rounded to nearest, ties to even; so many at a time.
constexpr size_t kNarrowed = 4;
inline void narrow_f16_lanes(uint16_t* to, const float* from) {
  vst1_u16(to, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(from))));
}

struct S32 {
  static constexpr size_t kWidth = 4;

  int32x4_t lanes;

  static S32 load(const int32_t* p) { return {vld1q_s32(p)}; }
  static S32 all(int32_t value) { return {vdupq_n_s32(value)}; }
  void store(int32_t* p) const { vst1q_s32(p, lanes); }

  friend S32 operator+(S32 a, S32 b) { return {vaddq_s32(a.lanes, b.lanes)}; }
  friend S32 operator-(S32 a, S32 b) { return {vsubq_s32(a.lanes, b.lanes)}; }
  // Shifted left by 23, to where a float has its exponent.
  S32 as_exponent() const { return {vshlq_n_s32(lanes, 23)}; }
  friend S32 max(S32 a, S32 b) { return {vmaxq_s32(a.lanes, b.lanes)}; }
  friend int32_t greatest_lane(S32 v) { return vmaxvq_s32(v.lanes); }

  // The nearest integers, ties to even.
  static S32 nearest(F32 v) { return {vcvtnq_s32_f32(v.lanes)}; }
  F32 to_float() const { return {vcvtq_f32_s32(lanes)}; }
  static S32 of_bits(F32 v) { return {vreinterpretq_s32_f32(v.lanes)}; }
  F32 as_bits() const { return {vreinterpretq_f32_s32(lanes)}; }
};

// 16 bytes.
struct U8 {
  static constexpr size_t kWidth = 16;
  // Of heads by vectors of codes whose sums stay in registers while tables are read.
  static constexpr size_t kTableHeads = 2, kTableVectors = 4;

  uint8x16_t lanes;

  static U8 load(const uint8_t* p) { return {vld1q_u8(p)}; }
  // In runs of 32, `stride` apart.
  static U8 load_runs(const uint8_t* p, size_t) { return load(p); }
  friend U8 operator+(U8 a, U8 b) { return {vaddq_u8(a.lanes, b.lanes)}; }
  U8 low_nibbles() const { return {vandq_u8(lanes, vdupq_n_u8(15))}; }
  U8 high_nibbles() const { return {vshrq_n_u8(lanes, 4)}; }
};

// A table of 16 bytes, read by 16 nibbles at once.
struct Table16 {
  uint8x16_t lanes;

  static Table16 load(const uint8_t* p) { return {vld1q_u8(p)}; }
  U8 at(U8 nibbles) const { return {vqtbl1q_u8(lanes, nibbles.lanes)}; }
};

// U8s added up in 16 bits.
class ByteSums {
 public:
  void clear() { low_ = high_ = vdupq_n_u16(0); }
  void twice() {
    low_ = vaddq_u16(low_, low_);
    high_ = vaddq_u16(high_, high_);
  }
  void add(U8 v) {
    low_ = vaddw_u8(low_, vget_low_u8(v.lanes));
    high_ = vaddw_high_u8(high_, v.lanes);
  }
  void store(uint16_t* totals) const {
    vst1q_u16(totals, low_);
    vst1q_u16(totals + 8, high_);
  }

 private:
  uint16x8_t low_, high_;
};

// Integers from 0 to 127 to bytes, 32 at a time, and the sum of what was written.
class ByteWriter {
 public:
  static constexpr size_t kVectors = 8;

  void put(const S32* v, uint8_t* to) {
    for (size_t i = 0; i < kVectors; i += 4) {
      const int16x8_t low = vcombine_s16(vmovn_s32(v[i].lanes), vmovn_s32(v[i + 1].lanes));
      const int16x8_t high = vcombine_s16(vmovn_s32(v[i + 2].lanes), vmovn_s32(v[i + 3].lanes));
      sums_ = vpadalq_s16(sums_, vaddq_s16(low, high));
      vst1q_u8(to + 4 * i, vreinterpretq_u8_s8(vcombine_s8(vmovn_s16(low), vmovn_s16(high))));
    }
  }

  int32_t sum() const { return vaddvq_s32(sums_); }

 private:
  int32x4_t sums_ = vdupq_n_s32(0);
};

// Floats to int8 by the rounding of quantize_kernels.hpp, 32 at a time, and the sum of what was written.
class Quantizer {
 public:
  static constexpr size_t kVectors = 8;

  void put(const F32* v, int8_t* dst) {
    put_half(v, dst);
    put_half(v + 4, dst + 16);
  }

  int32_t sum() const { return vaddvq_s32(sums_); }

 private:
  void put_half(const F32* v, int8_t* dst) {
    const int16x8_t low = vcombine_s16(vqmovn_s32(rounded(v[0])), vqmovn_s32(rounded(v[1])));
    const int16x8_t high = vcombine_s16(vqmovn_s32(rounded(v[2])), vqmovn_s32(rounded(v[3])));
    const int8x16_t bytes = vmaxq_s8(vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)), vdupq_n_s8(-127));
    vst1q_s8(dst, bytes);
    sums_ = add_bytes(sums_, bytes);
  }

  // Conversions saturate; the minimum is for NaN, which vminnm replaces by the number.
  static int32x4_t rounded(F32 v) { return vcvtnq_s32_f32(vminnmq_f32(v.lanes, vdupq_n_f32(127.0f))); }

  int32x4_t sums_ = vdupq_n_s32(0);
};

}  // namespace
}  // namespace mica::simd
