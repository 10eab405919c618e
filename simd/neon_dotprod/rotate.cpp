// rotate kernels at level neon_dotprod.
#include "rotate_kernels.hpp"

namespace mica::simd {

const RotateKernels rotate_kernels_neon_dotprod = {};

}  // namespace mica::simd
