// The group of float kernels; its author fills the slots.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

struct FloatKernels {};

extern const FloatKernels float_kernels_scalar;
extern const FloatKernels float_kernels_avx2;
extern const FloatKernels float_kernels_avx512vnni;
extern const FloatKernels float_kernels_neon;
extern const FloatKernels float_kernels_neon_dotprod;

}  // namespace mica::simd
