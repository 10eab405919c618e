// quantize kernels at level avx2.
#include "avx2/lanes.hpp"
#include "quantize_inl.hpp"

namespace mica::simd {

const QuantizeKernels quantize_kernels_avx2 = kQuantizeKernels;

}  // namespace mica::simd
