// The products of integer attention with vpdpbusd, 64 products an instruction, of which the unsigned side is the keys
// or the probabilities. Not the loops around it: attention_inl.hpp.
#pragma once

#include <vector.hpp>

#include "attention_kernels.hpp"

namespace mica::simd {
namespace {

struct AttentionProducts {
  static constexpr int kRows = 12;

  // Twelve sums hide the latency of vpdpbusd.
  template <int kGroupRows>
  static void scores(const int8_t* q, size_t q_stride, const uint8_t* panel, size_t channels, int32_t* scores) {
    __m512i totals[kGroupRows];
#pragma GCC unroll 12
    for (int row = 0; row < kGroupRows; ++row) totals[row] = _mm512_setzero_si512();
    for (size_t c = 0; c < channels; c += 4) {
      const __m512i keys = load_512(panel + c * kAttentionPanel);
#pragma GCC unroll 12
      for (int row = 0; row < kGroupRows; ++row)
        totals[row] = _mm512_dpbusd_epi32(totals[row], keys, broadcast_4_512(q + row * q_stride + c));
    }
#pragma GCC unroll 12
    for (int row = 0; row < kGroupRows; ++row) _mm512_storeu_si512(scores + row * kAttentionKeys, totals[row]);
  }

  template <int kGroupRows>
  static void sums(const uint8_t* p, const int8_t* panel, size_t keys, int32_t* sums) {
    __m512i totals[kGroupRows];
#pragma GCC unroll 12
    for (int row = 0; row < kGroupRows; ++row) totals[row] = _mm512_setzero_si512();
    for (size_t key = 0; key < keys; key += 4) {
      const __m512i values = load_512(panel + key * kAttentionPanel);
#pragma GCC unroll 12
      for (int row = 0; row < kGroupRows; ++row)
        totals[row] = _mm512_dpbusd_epi32(totals[row], broadcast_4_512(p + row * kAttentionKeys + key), values);
    }
#pragma GCC unroll 12
    for (int row = 0; row < kGroupRows; ++row) _mm512_storeu_si512(sums + row * kAttentionPanel, totals[row]);
  }
};

}  // namespace
}  // namespace mica::simd
