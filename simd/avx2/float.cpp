// Float kernels at level avx2: the shared source, compiled with this level's flags.
#include "float_inl.hpp"

namespace mica::simd {

const FloatKernels float_kernels_avx2 = kVectorKernels;

}  // namespace mica::simd
