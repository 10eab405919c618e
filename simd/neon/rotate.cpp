// rotate kernels at level neon.
#include "rotate_kernels.hpp"

namespace mica::simd {

const RotateKernels rotate_kernels_neon = {};

}  // namespace mica::simd
