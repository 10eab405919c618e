// Float kernels at level avx512vnni: the shared source, compiled with this level's flags.
#include "float_inl.hpp"

namespace mica::simd {

const FloatKernels float_kernels_avx512vnni = kVectorKernels;

}  // namespace mica::simd
