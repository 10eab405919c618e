// The group of gemm kernels; its author fills the slots.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

struct GemmKernels {};

extern const GemmKernels gemm_kernels_scalar;
extern const GemmKernels gemm_kernels_avx2;
extern const GemmKernels gemm_kernels_avx512vnni;
extern const GemmKernels gemm_kernels_neon;
extern const GemmKernels gemm_kernels_neon_dotprod;

}  // namespace mica::simd
