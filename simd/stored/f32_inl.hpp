// F32: as it is. Included by float kernels of each level.
#pragma once

#include "stored_layout_inl.hpp"

namespace mica::simd {
namespace {

template <>
struct StoredLayout<StoredType::f32> {
  static constexpr size_t kGroup = 0;

  static void widen(float* dst, const uint8_t* src, size_t n) { std::memcpy(dst, src, n * sizeof(float)); }
};

}  // namespace
}  // namespace mica::simd
