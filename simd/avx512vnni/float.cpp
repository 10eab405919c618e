// float kernels at level avx512vnni.
#include "float_kernels.hpp"

namespace mica::simd {

const FloatKernels float_kernels_avx512vnni = {};

}  // namespace mica::simd
