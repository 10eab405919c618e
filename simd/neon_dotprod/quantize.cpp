// quantize kernels at level neon_dotprod.
#include "neon/lanes.hpp"
#include "quantize_inl.hpp"

namespace mica::simd {

const QuantizeKernels quantize_kernels_neon_dotprod = kQuantizeKernels;

}  // namespace mica::simd
