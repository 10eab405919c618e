// How level avxvnni unpacks panels, and what its tiles are: 32 products an instruction. Not the products:
// gemm_vnni_inl.hpp.
#pragma once

#include <dots_inl.hpp>
#include <vector.hpp>

#include "avx2/gemm_weights_inl.hpp"

namespace mica::simd {
namespace {

// Twelve sums, of a panel, two registers of weights and one of activations are 15 of the 16 registers. Two unpacked
// panels of 512 inputs (16 KB) and six rows of activations (3 KB) stay in a level 1 cache of 32 KB; the sums of 192 rows
// (24 KB) pass through it.
struct DotTile {
  static constexpr int kRows = 6, kStreamRows = 4;
  static constexpr int kStreamSums = 8;
  static constexpr size_t kBlockRows = 192, kBlockPanels = 2, kBlockInputs = 512;
};

struct ByteWeights {
  static constexpr PanelFormat kFormat = PanelFormat::s8;
  static constexpr int kVectors = 1;
  ByteWeights(const int8_t*, int) {}
  void unpack(const uint8_t* block, size_t half, __m256i* to) const {
    to[0] = _mm256_xor_si256(load_256(block + 32 * half), _mm256_set1_epi8(-128));
  }
};

// The multipliers of half of a panel, a lane a channel.
inline __m256i load_multipliers(const uint8_t* group, size_t half) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(group));
  return _mm256_cvtepu8_epi32(_mm_and_si128(half == 0 ? both : _mm_srli_epi16(both, 4), _mm_set1_epi8(15)));
}

// Four groups of inputs, of which the last ones may lie beyond the inputs.
template <size_t kGroup, int kOffset>
struct FourGroups {
  explicit FourGroups(size_t inputs) : inputs_(inputs) {}
  void note(int32_t* to, const int8_t* x) const {
    const __m256i offset = _mm256_set1_epi8(static_cast<char>(kOffset));
    __m256i sums[4];
#pragma GCC unroll 4
    for (size_t group = 0; group < 4; ++group) {
      sums[group] = _mm256_setzero_si256();
      for (size_t input = group * kGroup; input < (group + 1) * kGroup && input < inputs_; input += 32)
        sums[group] = add_dots(sums[group], offset, load_256(x + input));
    }
    const __m256i quarters =
        _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    const __m128i total = _mm_add_epi32(_mm256_castsi256_si128(quarters), _mm256_extracti128_si256(quarters, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_sub_epi32(_mm_setzero_si128(), total));
  }

 private:
  size_t inputs_;
};

}  // namespace
}  // namespace mica::simd
