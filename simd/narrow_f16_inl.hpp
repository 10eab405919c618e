// Rows of floats to float16, for float rows and for cached keys. Not single values: float_storage.hpp.
#pragma once

#include <vector.hpp>

#include "float_storage.hpp"

namespace mica::simd {
namespace {

// Rounded to nearest, ties to even.
inline void narrow_f16(uint16_t* dst, const float* src, size_t n) {
  size_t i = 0;
  for (; i + kNarrowed <= n; i += kNarrowed) narrow_f16_lanes(dst + i, src + i);
  for (; i < n; ++i) dst[i] = narrow_half(src[i]);
}

}  // namespace
}  // namespace mica::simd
