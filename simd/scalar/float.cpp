// float kernels at level scalar.
#include "float_kernels.hpp"

namespace mica::simd {

const FloatKernels float_kernels_scalar = {};

}  // namespace mica::simd
