// rotate kernels at level avx512vnni.
#include "rotate_kernels.hpp"

namespace mica::simd {

const RotateKernels rotate_kernels_avx512vnni = {};

}  // namespace mica::simd
