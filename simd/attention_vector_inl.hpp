// The arithmetic of integer attention on the vectors of a level, and its own products: the Core of attention_inl.hpp.
// Not the loops, and not packing. Everything here has internal linkage.
#pragma once

#include <attention_products_inl.hpp>
#include <vector.hpp>

#include "attention_exponential.hpp"
#include "attention_inl.hpp"

namespace mica::simd {
namespace {

// exponential_2 of attention_exponential.hpp, a vector at once.
inline F32 exponential_2(F32 x, const PowerCoefficients& c) {
  const F32 rounder = F32::all(kRounder);
  const F32 t = max(x, F32::all(kExponentLeast));
  const F32 shifted = t + rounder;
  const F32 f = t - (shifted - rounder);
  F32 power = multiply_add(F32::all(c.c3), f, F32::all(c.c2));
  power = multiply_add(power, f, F32::all(c.c1));
  power = multiply_add(power, f, F32::all(c.c0));
  return (S32::of_bits(power) + S32::of_bits(shifted).as_exponent()).as_bits();
}

struct AttentionCore : AttentionProducts {
  static int32_t greatest(const int32_t* scores, size_t keys) {
    constexpr size_t kVectors = kAttentionPanel / S32::kWidth;
    S32 most[kVectors];
    for (size_t i = 0; i < kVectors; ++i) most[i] = S32::load(scores + i * S32::kWidth);
    for (size_t key = kAttentionPanel; key < keys; key += kAttentionPanel)
      for (size_t i = 0; i < kVectors; ++i)
        most[i] = max(most[i], S32::load(scores + key + i * S32::kWidth));
    for (size_t i = 1; i < kVectors; ++i) most[0] = max(most[0], most[i]);
    return greatest_lane(most[0]);
  }

  static int32_t probabilities(uint8_t* p, const int32_t* scores, size_t keys, int32_t most, float exponent) {
    static_assert(ByteWriter::kVectors * S32::kWidth == kProbabilityStep);
    const S32 top = S32::all(most);
    const F32 factor = F32::all(exponent);
    ByteWriter writer;
    for (size_t key = 0; key < keys; key += kProbabilityStep) {
      S32 units[ByteWriter::kVectors];
#pragma GCC unroll 8
      for (size_t i = 0; i < ByteWriter::kVectors; ++i) {
        const F32 below = (S32::load(scores + key + i * S32::kWidth) - top).to_float();
        units[i] = S32::nearest(exponential_2(below * factor, kProbability));
      }
      writer.put(units, p + key);
    }
    return writer.sum();
  }

  static void powers(float* x, size_t count) {
    for (size_t i = 0; i < count; i += F32::kWidth) exponential_2(F32::load(x + i), kPower).store(x + i);
  }

  static void add(float* out, float rescale, float weight, const int32_t* sums) {
    for (size_t i = 0; i < kAttentionPanel; i += F32::kWidth) {
      const F32 before = F32::load(out + i) * F32::all(rescale);
      multiply_add(S32::load(sums + i).to_float(), F32::all(weight), before).store(out + i);
    }
  }
};

static_assert(AttentionGroup<AttentionCore>::kPadded % F32::kWidth == 0);

}  // namespace
}  // namespace mica::simd
