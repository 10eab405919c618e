// visual_kv kernels at level avx2.
#include "visual_kv_kernels.hpp"

namespace mica::simd {

const VisualKvKernels visual_kv_kernels_avx2 = {};

}  // namespace mica::simd
