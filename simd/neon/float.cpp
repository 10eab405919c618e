// float kernels at level neon.
#include "float_kernels.hpp"

namespace mica::simd {

const FloatKernels float_kernels_neon = {};

}  // namespace mica::simd
