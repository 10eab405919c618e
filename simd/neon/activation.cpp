// activation kernels at level neon.
#include "activation_inl.hpp"

namespace mica::simd {

const ActivationKernels activation_kernels_neon = kActivationKernels;

}  // namespace mica::simd
