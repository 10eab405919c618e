// The group of visual_kv kernels; its author fills the slots.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

struct VisualKvKernels {};

extern const VisualKvKernels visual_kv_kernels_scalar;
extern const VisualKvKernels visual_kv_kernels_avx2;
extern const VisualKvKernels visual_kv_kernels_avx512vnni;
extern const VisualKvKernels visual_kv_kernels_neon;
extern const VisualKvKernels visual_kv_kernels_neon_dotprod;

}  // namespace mica::simd
