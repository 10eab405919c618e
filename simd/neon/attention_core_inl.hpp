// Integer attention on vectors of NEON, but for the products, which each level of ARM has of its own. Not the loops
// around them: attention_inl.hpp.
#pragma once

#include <arm_neon.h>

#include "attention_table_inl.hpp"

namespace mica::simd {
namespace {

inline int8x16_t broadcast_4(const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

// exponential_2 of attention_exponential.hpp, four at once.
inline float32x4_t exponential_2(float32x4_t x, const PowerCoefficients& c) {
  const float32x4_t rounder = vdupq_n_f32(kRounder);
  const float32x4_t t = vmaxq_f32(x, vdupq_n_f32(kExponentLeast));
  const float32x4_t shifted = vaddq_f32(t, rounder);
  const float32x4_t f = vsubq_f32(t, vsubq_f32(shifted, rounder));
  float32x4_t power = vfmaq_f32(vdupq_n_f32(c.c2), vdupq_n_f32(c.c3), f);
  power = vfmaq_f32(vdupq_n_f32(c.c1), power, f);
  power = vfmaq_f32(vdupq_n_f32(c.c0), power, f);
  return vreinterpretq_f32_s32(
      vaddq_s32(vreinterpretq_s32_f32(power), vshlq_n_s32(vreinterpretq_s32_f32(shifted), 23)));
}

// Products has: kProductMost, and
//   template <int rows, int most> multiply(sums, sums_stride, rows, stride, panel, depth): sums[row][0, 16) of signed
//   bytes whose products are at most `most`, over a depth that is a multiple of 8.
template <class Products>
struct AttentionNeon {
  static constexpr int kRows = 4;

  // Keys and probabilities are below 128: signed bytes serve for them too.
  template <int kGroupRows>
  static void scores(const int8_t* q, size_t q_stride, const uint8_t* panel, size_t channels, int32_t* scores) {
    Products::template multiply<kGroupRows, kQueryMost * kKeyTop>(scores, kAttentionKeys, q, q_stride,
                                                                  reinterpret_cast<const int8_t*>(panel), channels);
  }

  template <int kGroupRows>
  static void sums(const uint8_t* p, const int8_t* panel, size_t keys, int32_t* sums) {
    Products::template multiply<kGroupRows, kProbabilityTop * kValueMost>(
        sums, kAttentionPanel, reinterpret_cast<const int8_t*>(p), kAttentionKeys, panel, keys);
  }

  static int32_t greatest(const int32_t* scores, size_t keys) {
    int32x4_t most = vld1q_s32(scores);
    for (size_t key = 4; key < keys; key += 4) most = vmaxq_s32(most, vld1q_s32(scores + key));
    return vmaxvq_s32(most);
  }

  static int32_t probabilities(uint8_t* p, const int32_t* scores, size_t keys, int32_t most, float exponent) {
    const int32x4_t top = vdupq_n_s32(most);
    const auto four = [&](const int32_t* from) {
      const float32x4_t below = vcvtq_f32_s32(vsubq_s32(vld1q_s32(from), top));
      return vmovn_s32(vcvtnq_s32_f32(exponential_2(vmulq_n_f32(below, exponent), kProbability)));
    };
    int32x4_t total = vdupq_n_s32(0);
    for (size_t key = 0; key < keys; key += 16, scores += 16) {
      const int16x8_t low = vcombine_s16(four(scores), four(scores + 4));
      const int16x8_t high = vcombine_s16(four(scores + 8), four(scores + 12));
      total = vpadalq_s16(total, vaddq_s16(low, high));
      vst1q_u8(p + key, vreinterpretq_u8_s8(vcombine_s8(vmovn_s16(low), vmovn_s16(high))));
    }
    return vaddvq_s32(total);
  }

  static void powers(float* x, size_t count) {
    for (size_t i = 0; i < count; i += 4) vst1q_f32(x + i, exponential_2(vld1q_f32(x + i), kPower));
  }

  static void add(float* out, float rescale, float weight, const int32_t* sums) {
    for (int c = 0; c < 16; c += 4) {
      const float32x4_t before = vmulq_n_f32(vld1q_f32(out + c), rescale);
      vst1q_f32(out + c, vfmaq_n_f32(before, vcvtq_f32_s32(vld1q_s32(sums + c)), weight));
    }
  }
};

}  // namespace
}  // namespace mica::simd
