// gemm kernels at level avx2.
#include "gemm_kernels.hpp"

namespace mica::simd {

const GemmKernels gemm_kernels_avx2 = {};

}  // namespace mica::simd
