// activation kernels at level avx512vnni.
#include "activation_inl.hpp"

namespace mica::simd {

const ActivationKernels activation_kernels_avx512vnni = kActivationKernels;

}  // namespace mica::simd
