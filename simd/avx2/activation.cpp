// activation kernels at level avx2.
#include "activation_inl.hpp"

namespace mica::simd {

const ActivationKernels activation_kernels_avx2 = kActivationKernels;

}  // namespace mica::simd
