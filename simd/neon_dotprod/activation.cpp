// activation kernels at level neon_dotprod.
#include "activation_inl.hpp"

namespace mica::simd {

const ActivationKernels activation_kernels_neon_dotprod = kActivationKernels;

}  // namespace mica::simd
