// The products of integer attention at every level of 64-bit ARM, by what a level multiplies signed bytes with. Not the
// loops around them: attention_inl.hpp.
#pragma once

#include <vector.hpp>

#include "attention_kernels.hpp"

namespace mica::simd {
namespace {

// Signed has:
//   template <int rows, int most> multiply(sums, sums_stride, rows, stride, panel, depth): sums[row][0, 16) of signed
//   bytes whose products are at most `most`, over a depth that is a multiple of 8.
template <class Signed>
struct SignedProducts {
  static constexpr int kRows = 4;

  // Keys and probabilities are below 128: signed bytes serve for them too.
  template <int kGroupRows>
  static void scores(const int8_t* q, size_t q_stride, const uint8_t* panel, size_t channels, int32_t* scores) {
    Signed::template multiply<kGroupRows, kQueryMost * kKeyTop>(scores, kAttentionKeys, q, q_stride,
                                                                  reinterpret_cast<const int8_t*>(panel), channels);
  }

  template <int kGroupRows>
  static void sums(const uint8_t* p, const int8_t* panel, size_t keys, int32_t* sums) {
    Signed::template multiply<kGroupRows, kProbabilityTop * kValueMost>(
        sums, kAttentionPanel, reinterpret_cast<const int8_t*>(p), kAttentionKeys, panel, keys);
  }
};

}  // namespace
}  // namespace mica::simd
