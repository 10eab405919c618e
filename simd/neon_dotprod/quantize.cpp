// quantize kernels at level neon_dotprod.
#include "quantize_kernels.hpp"

namespace mica::simd {

const QuantizeKernels quantize_kernels_neon_dotprod = {};

}  // namespace mica::simd
