// quantize kernels at level neon.
#include "neon/lanes.hpp"
#include "quantize_inl.hpp"

namespace mica::simd {

const QuantizeKernels quantize_kernels_neon = kQuantizeKernels;

}  // namespace mica::simd
