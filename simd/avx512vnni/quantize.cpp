// quantize kernels at level avx512vnni.
#include "quantize_kernels.hpp"

namespace mica::simd {

const QuantizeKernels quantize_kernels_avx512vnni = {};

}  // namespace mica::simd
