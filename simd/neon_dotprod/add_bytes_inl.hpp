// add_bytes: sixteen bytes added to four sums, by dot products with ones. Not a kernel.
#pragma once

#include <arm_neon.h>

namespace mica::simd {
namespace {

inline int32x4_t add_bytes(int32x4_t sums, int8x16_t bytes) { return vdotq_s32(sums, bytes, vdupq_n_s8(1)); }

}  // namespace
}  // namespace mica::simd
