// float kernels at level avx2.
#include "float_kernels.hpp"

namespace mica::simd {

const FloatKernels float_kernels_avx2 = {};

}  // namespace mica::simd
