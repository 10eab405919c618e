// Integer matrix products at level avx2: the table. Not the products: gemm_u4_inl.hpp and gemm_s8_inl.hpp.
#include "avx2/gemm_s8_inl.hpp"
#include "avx2/gemm_u4_inl.hpp"

namespace mica::simd {

const GemmKernels gemm_kernels_avx2 = kGemmKernels<U4Avx2, S8Avx2, Avx2>;

}  // namespace mica::simd
