// Integer matrix products at level avx512vnni: the table. Not the products: gemm_inl.hpp.
#include "avx512vnni/gemm_inl.hpp"

namespace mica::simd {

const GemmKernels gemm_kernels_avx512vnni = kGemmKernels<Vnni<NibbleWeights>, Vnni<ByteWeights>, Avx2>;

}  // namespace mica::simd
