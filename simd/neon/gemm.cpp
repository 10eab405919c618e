// gemm kernels at level neon.
#include "gemm_kernels.hpp"

namespace mica::simd {

const GemmKernels gemm_kernels_neon = {};

}  // namespace mica::simd
