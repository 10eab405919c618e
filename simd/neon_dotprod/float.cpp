// float kernels at level neon_dotprod.
#include "float_kernels.hpp"

namespace mica::simd {

const FloatKernels float_kernels_neon_dotprod = {};

}  // namespace mica::simd
