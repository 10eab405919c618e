// rotate kernels at level neon.
#include "neon/lanes.hpp"
#include "rotate_inl.hpp"

namespace mica::simd {

const RotateKernels rotate_kernels_neon = kRotateKernels;

}  // namespace mica::simd
