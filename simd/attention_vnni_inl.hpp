// The products of integer attention with vpdpbusd, as wide as a level has it, of which the unsigned side is the keys or
// the probabilities. Not the loops around it: attention_inl.hpp.
#pragma once

#include <dots_inl.hpp>

#include "attention_kernels.hpp"

namespace mica::simd {
namespace {

struct AttentionProducts {
  // Twelve sums hide the latency of vpdpbusd.
  static constexpr int kPanelVectors = kAttentionPanel / kLanes;
  static constexpr int kRows = 12 / kPanelVectors;

  template <int kGroupRows>
  static void scores(const int8_t* q, size_t q_stride, const uint8_t* panel, size_t channels, int32_t* scores) {
    multiply<kGroupRows, true>(scores, kAttentionKeys, q, q_stride, panel, channels);
  }

  template <int kGroupRows>
  static void sums(const uint8_t* p, const int8_t* panel, size_t keys, int32_t* sums) {
    multiply<kGroupRows, false>(sums, kAttentionPanel, p, kAttentionKeys, panel, keys);
  }

 private:
  template <int kGroupRows, bool kUnsignedPanel>
  static void multiply(int32_t* sums, size_t sums_stride, const void* from, size_t stride, const void* panel,
                       size_t depth) {
    const auto* rows = static_cast<const uint8_t*>(from);
    const auto* columns_at = static_cast<const uint8_t*>(panel);
    Lanes totals[kGroupRows][kPanelVectors];
#pragma GCC unroll 12
    for (int row = 0; row < kGroupRows; ++row)
      for (int part = 0; part < kPanelVectors; ++part) totals[row][part] = all_lanes(0);
    for (size_t at = 0; at < depth; at += 4) {
      Lanes columns[kPanelVectors];
#pragma GCC unroll 2
      for (int part = 0; part < kPanelVectors; ++part)
        columns[part] = load_lanes(columns_at + at * kAttentionPanel + part * sizeof(Lanes));
#pragma GCC unroll 12
      for (int row = 0; row < kGroupRows; ++row) {
        const Lanes four = four_bytes(rows + row * stride + at);
#pragma GCC unroll 2
        for (int part = 0; part < kPanelVectors; ++part)
          totals[row][part] = kUnsignedPanel ? add_dots(totals[row][part], columns[part], four)
                                             : add_dots(totals[row][part], four, columns[part]);
      }
    }
#pragma GCC unroll 12
    for (int row = 0; row < kGroupRows; ++row)
      for (int part = 0; part < kPanelVectors; ++part)
        store_lanes(sums + row * sums_stride + part * kLanes, totals[row][part]);
  }
};

}  // namespace
}  // namespace mica::simd
