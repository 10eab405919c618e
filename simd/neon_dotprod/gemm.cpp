// gemm kernels at level neon_dotprod.
#include "gemm_kernels.hpp"

namespace mica::simd {

const GemmKernels gemm_kernels_neon_dotprod = {};

}  // namespace mica::simd
