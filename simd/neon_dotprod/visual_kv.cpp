// visual_kv kernels at level neon_dotprod.
#include "visual_kv_kernels.hpp"

namespace mica::simd {

const VisualKvKernels visual_kv_kernels_neon_dotprod = {};

}  // namespace mica::simd
