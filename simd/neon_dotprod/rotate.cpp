// rotate kernels at level neon_dotprod.
#include "neon/lanes.hpp"
#include "rotate_inl.hpp"

namespace mica::simd {

const RotateKernels rotate_kernels_neon_dotprod = kRotateKernels;

}  // namespace mica::simd
