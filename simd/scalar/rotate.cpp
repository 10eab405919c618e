// rotate kernels at level scalar.
#include "rotate_kernels.hpp"

namespace mica::simd {

const RotateKernels rotate_kernels_scalar = {};

}  // namespace mica::simd
