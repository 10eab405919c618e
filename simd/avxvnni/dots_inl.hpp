// vpdpbusd on 256 bits: 32 products an instruction, added to eight sums. Not a kernel: gemm_vnni_inl.hpp and
// attention_vnni_inl.hpp.
#pragma once

#include <vector.hpp>

namespace mica::simd {
namespace {

using Lanes = __m256i;
constexpr int kLanes = 8;

inline Lanes load_lanes(const void* from) { return load_256(from); }
inline void store_lanes(void* to, Lanes lanes) { store_256(to, lanes); }
inline Lanes all_lanes(int32_t value) { return _mm256_set1_epi32(value); }
inline Lanes four_bytes(const void* from) { return broadcast_4(from); }
inline Lanes add_lanes(Lanes a, Lanes b) { return _mm256_add_epi32(a, b); }
inline Lanes multiply_lanes(Lanes a, Lanes b) { return _mm256_mullo_epi32(a, b); }
// To each sum four products of unsigned bytes with signed ones.
inline Lanes add_dots(Lanes sums, Lanes unsigned_bytes, Lanes signed_bytes) {
  return _mm256_dpbusd_avx_epi32(sums, unsigned_bytes, signed_bytes);
}

}  // namespace
}  // namespace mica::simd
