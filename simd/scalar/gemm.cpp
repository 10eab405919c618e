// gemm kernels at level scalar.
#include "gemm_kernels.hpp"

namespace mica::simd {

const GemmKernels gemm_kernels_scalar = {};

}  // namespace mica::simd
