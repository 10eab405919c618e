// gemm kernels at level avx512vnni.
#include "gemm_kernels.hpp"

namespace mica::simd {

const GemmKernels gemm_kernels_avx512vnni = {};

}  // namespace mica::simd
