// Float GEMM of one thread: oneDNN where it is built in, mica's own tiles elsewhere. Not for integers, not parallel.
#pragma once

#include <cstddef>

#include "simd_names.hpp"

namespace mica {

// c[rows][columns] = a[rows][depth] * w[columns][depth]^T, all row-major; `scratch` holds float_gemm_scratch floats.
// Cannot fail: where oneDNN finds no memory, the product is made by tiles.
void float_gemm(const simd::Kernels& kernels, float* c, size_t c_stride, const float* a, size_t a_stride,
                const float* w, size_t w_stride, size_t rows, size_t columns, size_t depth, float* scratch);
size_t float_gemm_scratch(size_t columns, size_t depth);

// Keeps oneDNN at the same instruction set as mica's own kernels, so that MICA_ISA measures and tests what it says.
// Before the first product. No effect without oneDNN.
void float_gemm_limit_isa(const simd::Kernels& kernels);
const char* float_gemm_library();
// The instruction set that products use once `kernels` are in use: what the limit left.
const char* float_gemm_isa(const simd::Kernels& kernels);

}  // namespace mica
