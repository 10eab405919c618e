// quantize kernels at level avx2.
#include "quantize_kernels.hpp"

namespace mica::simd {

const QuantizeKernels quantize_kernels_avx2 = {};

}  // namespace mica::simd
