// The group of rotate kernels; its author fills the slots.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

struct RotateKernels {};

extern const RotateKernels rotate_kernels_scalar;
extern const RotateKernels rotate_kernels_avx2;
extern const RotateKernels rotate_kernels_avx512vnni;
extern const RotateKernels rotate_kernels_neon;
extern const RotateKernels rotate_kernels_neon_dotprod;

}  // namespace mica::simd
