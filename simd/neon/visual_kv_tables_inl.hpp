// Making 16-entry tables of keys and values with NEON. Not reading them: visual_kv_lookup_inl.hpp. Everything here has
// internal linkage.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace mica::simd {
namespace {

// The greatest of the sums of 16 weights is sought so many at a time.
constexpr size_t kGreatestStep = 32;

struct KvTables {
  // The greatest sum of 16 magnitudes, as the definition adds them; count is a multiple of 32.
  static float greatest_sixteen(const float* weights, size_t count) {
    float32x4_t greatest = vdupq_n_f32(0);
    for (size_t i = 0; i < count; i += kGreatestStep) {
      float32x4_t fours[4];  // of eight j: the sums of its first and its last four
      for (size_t j = 0; j < 4; ++j) {
        const float* eight = weights + i + 8 * j;
        fours[j] = vpaddq_f32(vabsq_f32(vld1q_f32(eight)), vabsq_f32(vld1q_f32(eight + 4)));
      }
      const float32x4_t eights = vpaddq_f32(vpaddq_f32(fours[0], fours[1]), vpaddq_f32(fours[2], fours[3]));
      greatest = vmaxq_f32(greatest, vpaddq_f32(eights, eights));
    }
    return vmaxvq_f32(greatest);
  }

  // The four tables of 16 integers: first the four sums of each pair (none, first, second, both), as bytes, two tables'
  // pairs a vector; a table of four integers is one pair's sums plus the other's.
  template <bool kSigned>
  static void store_tables(uint8_t* tables, int16x8_t low, int16x8_t high) {
    const uint8x16_t bytes = vreinterpretq_u8_s8(vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
    static const uint8_t kFirst[] = {255, 0, 1, 0, 255, 2, 3, 2, 255, 4, 5, 4, 255, 6, 7, 6};
    static const uint8_t kSecond[] = {255, 255, 255, 1, 255, 255, 255, 3, 255, 255, 255, 5, 255, 255, 255, 7};
    static const uint8_t kLowPair[] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
    static const uint8_t kHighPair[] = {4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7};
    // What a table starts at: the sum of its negative integers, in every byte of its pairs.
    uint8x16_t lowest = vdupq_n_u8(0);
    if constexpr (kSigned) {
      const int16x8_t zero = vdupq_n_s16(0);
      const int16x8_t pair_sums = vpaddq_s16(vminq_s16(low, zero), vminq_s16(high, zero));
      lowest = vreinterpretq_u8_s16(pair_sums);
    }
    for (uint8_t half = 0; half < 2; ++half) {
      const uint8x16_t offset = vdupq_n_u8(static_cast<uint8_t>(half * 8));
      // 255 + 8 wraps round to 7: saturate, so that it still names no byte.
      uint8x16_t pairs = vaddq_u8(vqtbl1q_u8(bytes, vqaddq_u8(vld1q_u8(kFirst), offset)),
                                  vqtbl1q_u8(bytes, vqaddq_u8(vld1q_u8(kSecond), offset)));
      if constexpr (kSigned) {
        static const uint8_t kPairOf[] = {0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6};
        pairs = vsubq_u8(pairs, vqtbl1q_u8(lowest, vaddq_u8(vld1q_u8(kPairOf), offset)));
      }
      for (uint8_t table = 0; table < 2; ++table) {
        const uint8x16_t eight = vdupq_n_u8(static_cast<uint8_t>(table * 8));
        vst1q_u8(tables + half * 32 + table * 16,
                 vaddq_u8(vqtbl1q_u8(pairs, vaddq_u8(vld1q_u8(kLowPair), eight)),
                          vqtbl1q_u8(pairs, vaddq_u8(vld1q_u8(kHighPair), eight))));
      }
    }
  }

  static int16x8_t narrow(int32x4_t low, int32x4_t high) { return vcombine_s16(vmovn_s32(low), vmovn_s32(high)); }

  // The tables of 16 weights; returns the sum of the integers' magnitudes.
  static int signed_tables(uint8_t* tables, const float* weights, float inverse) {
    int32x4_t four[4];
    for (size_t j = 0; j < 4; ++j) four[j] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(weights + 4 * j), inverse));
    const int16x8_t low = narrow(four[0], four[1]), high = narrow(four[2], four[3]);
    store_tables<true>(tables, low, high);
    return vaddlvq_s16(vaddq_s16(vabsq_s16(low), vabsq_s16(high)));
  }

  // Rounds weights that are not negative, carrying what it takes from one to the one 16 further on.
  class Rounder {
   public:
    // Before the first tables.
    void begin(float inverse) { inverse_ = inverse; }

    void tables(uint8_t* tables, const float* weights) {
      int32x4_t four[4];
      for (size_t j = 0; j < 4; ++j) {
        const float32x4_t exact = vaddq_f32(vmulq_n_f32(vld1q_f32(weights + 4 * j), inverse_), carried_[j]);
        four[j] = vcvtnq_s32_f32(exact);
        carried_[j] = vsubq_f32(exact, vcvtq_f32_s32(four[j]));
        totals_ = vaddq_s32(totals_, four[j]);
      }
      store_tables<false>(tables, narrow(four[0], four[1]), narrow(four[2], four[3]));
    }
    int total() const { return vaddvq_s32(totals_); }

   private:
    float inverse_ = 0;
    float32x4_t carried_[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    int32x4_t totals_ = vdupq_n_s32(0);
  };
};

}  // namespace
}  // namespace mica::simd
