// Four floats and what rotations and producers do inside of them, in NEON, with the dot product where the level has it.
// Not kernels: rotate_inl.hpp and quantize_inl.hpp are. Internal linkage: nothing here leaves the file that includes
// it.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace mica::simd {
namespace {

struct Vector {
  static constexpr size_t kWidth = 4;
  static constexpr size_t kLaneBits = 2;
  static constexpr size_t kRadixBits = 4;  // 16 of the 32 registers hold a pass's values

  float32x4_t lanes;

  static Vector load(const float* p) { return {vld1q_f32(p)}; }
  static Vector all(float value) { return {vdupq_n_f32(value)}; }
  void store(float* p) const { vst1q_f32(p, lanes); }

  friend Vector operator+(Vector a, Vector b) { return {vaddq_f32(a.lanes, b.lanes)}; }
  friend Vector operator-(Vector a, Vector b) { return {vsubq_f32(a.lanes, b.lanes)}; }
  friend Vector operator*(Vector a, Vector b) { return {vmulq_f32(a.lanes, b.lanes)}; }
  // c + a * b and c - a * b, rounded once.
  friend Vector multiply_add(Vector a, Vector b, Vector c) { return {vfmaq_f32(c.lanes, a.lanes, b.lanes)}; }
  friend Vector multiply_subtract(Vector a, Vector b, Vector c) { return {vfmsq_f32(c.lanes, a.lanes, b.lanes)}; }

  // a - b: the same ports add and multiply.
  friend Vector difference_by_product(Vector a, Vector b) { return a - b; }

  // Butterflies of the lanes whose numbers differ in bit kBit.
  template <size_t kBit>
  Vector butterfly_of_lanes() const {
    constexpr float kHighBit[] = {1, 1, -1, -1};
    constexpr float kLowBit[] = {1, -1, 1, -1};
    const float32x4_t x = lanes;
    if constexpr (kBit == 1)
      return {vfmaq_f32(vextq_f32(x, x, 2), x, vld1q_f32(kHighBit))};
    else
      return {vfmaq_f32(vrev64q_f32(x), x, vld1q_f32(kLowBit))};
  }

  // Lane i negated where bit i of `bits` is set.
  Vector negated_where(uint32_t bits) const {
    constexpr int32_t kAhead[] = {31, 30, 29, 28};
    const uint32x4_t signs = vshlq_u32(vdupq_n_u32(bits), vld1q_s32(kAhead));
    const uint32x4_t sign = vandq_u32(signs, vdupq_n_u32(0x80000000u));
    return {vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(lanes), sign))};
  }
};

// Floats to int8 by the rounding of quantize_kernels.hpp, 32 at a time, and the sum of what was written.
class Quantizer {
 public:
  static constexpr size_t kVectors = 8;

  void put(const Vector* v, int8_t* dst) {
    put_half(v, dst);
    put_half(v + 4, dst + 16);
  }

  int32_t sum() const { return vaddvq_s32(sums_); }

 private:
  void put_half(const Vector* v, int8_t* dst) {
    const int16x8_t low = vcombine_s16(vqmovn_s32(rounded(v[0])), vqmovn_s32(rounded(v[1])));
    const int16x8_t high = vcombine_s16(vqmovn_s32(rounded(v[2])), vqmovn_s32(rounded(v[3])));
    const int8x16_t bytes = vmaxq_s8(vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)), vdupq_n_s8(-127));
    vst1q_s8(dst, bytes);
#if defined(__ARM_FEATURE_DOTPROD)
    sums_ = vdotq_s32(sums_, bytes, vdupq_n_s8(1));
#else
    sums_ = vpadalq_s16(sums_, vpaddlq_s8(bytes));
#endif
  }

  // Conversions saturate; the minimum is for NaN, which vminnm replaces by the number.
  static int32x4_t rounded(const Vector& v) { return vcvtnq_s32_f32(vminnmq_f32(v.lanes, vdupq_n_f32(127.0f))); }

  int32x4_t sums_ = vdupq_n_s32(0);
};

}  // namespace
}  // namespace mica::simd
