// rotate kernels at level avx2.
#include "avx2/lanes.hpp"
#include "rotate_inl.hpp"

namespace mica::simd {

const RotateKernels rotate_kernels_avx2 = kRotateKernels;

}  // namespace mica::simd
