// Integer matrix products at level avx2: the table. Not the products: gemm_u4_inl.hpp and gemm_s8_inl.hpp.
#include "avx2/gemm_s8_inl.hpp"
#include "avx2/gemm_u4_inl.hpp"

namespace mica::simd {

const GemmKernels gemm_kernels_avx2 = {
    .gemm_f32_s8_u4 = gemm<U4Avx2, Avx2, FloatRows>,
    .gemm_s8_s8_u4 = gemm<U4Avx2, Avx2, Int8Rows>,
    .gemm_f32_s8_s8 = gemm<S8Avx2, Avx2, FloatRows>,
    .gemm_s8_s8_s8 = gemm<S8Avx2, Avx2, Int8Rows>,
};

}  // namespace mica::simd
