// Float kernels at level neon: the shared source, compiled with this level's flags.
#include "float_inl.hpp"

namespace mica::simd {

const FloatKernels float_kernels_neon = kVectorKernels;

}  // namespace mica::simd
