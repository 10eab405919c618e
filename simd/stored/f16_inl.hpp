// F16: by the level's own kernel. Included by float kernels of each level.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

void widen_f16(float* dst, const uint16_t* src, size_t n);

template <>
struct StoredLayout<StoredType::f16> {
  static constexpr size_t kGroup = 0;

  static void widen(float* dst, const uint8_t* src, size_t n) {
    widen_f16(dst, reinterpret_cast<const uint16_t*>(src), n);
  }
};

}  // namespace
}  // namespace mica::simd
