// Integer attention at level avx512vnni: vpdpbusd, 64 products an instruction, of which the unsigned side is the keys
// or the probabilities. Not the loops around it: attention_inl.hpp.
#include "attention_table_inl.hpp"
#include "x86_intrinsics.hpp"

namespace mica::simd {
namespace {

inline __m512i load_512(const void* from) { return _mm512_loadu_si512(from); }

inline __m512i broadcast_4_512(const void* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  return _mm512_set1_epi32(four);
}

// exponential_2 of attention_exponential.hpp, sixteen at once.
inline __m512 exponential_2(__m512 x, const PowerCoefficients& c) {
  const __m512 rounder = _mm512_set1_ps(kRounder);
  const __m512 t = _mm512_max_ps(x, _mm512_set1_ps(kExponentLeast));
  const __m512 shifted = _mm512_add_ps(t, rounder);
  const __m512 f = _mm512_sub_ps(t, _mm512_sub_ps(shifted, rounder));
  __m512 power = _mm512_fmadd_ps(_mm512_set1_ps(c.c3), f, _mm512_set1_ps(c.c2));
  power = _mm512_fmadd_ps(power, f, _mm512_set1_ps(c.c1));
  power = _mm512_fmadd_ps(power, f, _mm512_set1_ps(c.c0));
  return _mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_castps_si512(power), _mm512_slli_epi32(_mm512_castps_si512(shifted), 23)));
}

struct AttentionVnni {
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

  static int32_t greatest(const int32_t* scores, size_t keys) {
    __m512i most = load_512(scores);
    for (size_t key = 16; key < keys; key += 16) most = _mm512_max_epi32(most, load_512(scores + key));
    alignas(64) int32_t lanes[16];
    _mm512_store_si512(lanes, most);
    int32_t result = lanes[0];
    for (int i = 1; i < 16; ++i) result = lanes[i] > result ? lanes[i] : result;
    return result;
  }

  static int32_t probabilities(uint8_t* p, const int32_t* scores, size_t keys, int32_t most, float exponent) {
    const __m512i top = _mm512_set1_epi32(most);
    const __m512 factor = _mm512_set1_ps(exponent);
    __m512i total = _mm512_setzero_si512();
    for (size_t key = 0; key < keys; key += 16) {
      const __m512 below = _mm512_cvtepi32_ps(_mm512_sub_epi32(load_512(scores + key), top));
      const __m512i units = _mm512_cvtps_epi32(exponential_2(_mm512_mul_ps(below, factor), kProbability));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p + key), _mm512_cvtsepi32_epi8(units));
      total = _mm512_add_epi32(total, units);
    }
    alignas(64) int32_t lanes[16];
    _mm512_store_si512(lanes, total);
    int32_t sum = 0;
    for (int32_t lane : lanes) sum += lane;
    return sum;
  }

  static void powers(float* x, size_t count) {
    for (size_t i = 0; i < count; i += 16) _mm512_storeu_ps(x + i, exponential_2(_mm512_loadu_ps(x + i), kPower));
  }

  static void add(float* out, float rescale, float weight, const int32_t* sums) {
    const __m512 before = _mm512_mul_ps(_mm512_loadu_ps(out), _mm512_set1_ps(rescale));
    _mm512_storeu_ps(out, _mm512_fmadd_ps(_mm512_cvtepi32_ps(load_512(sums)), _mm512_set1_ps(weight), before));
  }
};

}  // namespace

const AttentionKernels attention_kernels_avx512vnni = kAttentionKernels<AttentionVnni>;

}  // namespace mica::simd
