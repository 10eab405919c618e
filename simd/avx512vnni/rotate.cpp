// rotate kernels at level avx512vnni.
#include "avx512vnni/lanes.hpp"
#include "rotate_inl.hpp"

namespace mica::simd {

const RotateKernels rotate_kernels_avx512vnni = kRotateKernels;

}  // namespace mica::simd
