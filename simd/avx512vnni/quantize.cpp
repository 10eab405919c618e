// quantize kernels at level avx512vnni.
#include "avx512vnni/lanes.hpp"
#include "quantize_inl.hpp"

namespace mica::simd {

const QuantizeKernels quantize_kernels_avx512vnni = kQuantizeKernels;

}  // namespace mica::simd
