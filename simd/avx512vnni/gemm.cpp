// Integer matrix products at level avx512vnni: the table. Not the products: gemm_inl.hpp.
#include "avx512vnni/gemm_inl.hpp"

namespace mica::simd {

const GemmKernels gemm_kernels_avx512vnni = {
    .gemm_f32_s8_u4 = gemm<Vnni<NibbleWeights>, Avx2, FloatRows>,
    .gemm_s8_s8_u4 = gemm<Vnni<NibbleWeights>, Avx2, Int8Rows>,
    .gemm_f32_s8_s8 = gemm<Vnni<ByteWeights>, Avx2, FloatRows>,
    .gemm_s8_s8_s8 = gemm<Vnni<ByteWeights>, Avx2, Int8Rows>,
};

}  // namespace mica::simd
