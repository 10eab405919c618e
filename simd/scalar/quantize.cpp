// quantize kernels at level scalar.
#include "quantize_kernels.hpp"

namespace mica::simd {

const QuantizeKernels quantize_kernels_scalar = {};

}  // namespace mica::simd
