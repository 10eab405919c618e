// add_bytes: sixteen bytes added to four sums, pair by pair. Not a kernel.
#pragma once

#include <arm_neon.h>

namespace mica::simd {
namespace {

inline int32x4_t add_bytes(int32x4_t sums, int8x16_t bytes) { return vpadalq_s16(sums, vpaddlq_s8(bytes)); }

}  // namespace
}  // namespace mica::simd
