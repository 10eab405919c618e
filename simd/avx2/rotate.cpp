// rotate kernels at level avx2.
#include "rotate_kernels.hpp"

namespace mica::simd {

const RotateKernels rotate_kernels_avx2 = {};

}  // namespace mica::simd
