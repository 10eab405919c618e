// quantize kernels at level neon.
#include "quantize_kernels.hpp"

namespace mica::simd {

const QuantizeKernels quantize_kernels_neon = {};

}  // namespace mica::simd
