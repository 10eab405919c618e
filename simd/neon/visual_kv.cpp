// visual_kv kernels at level neon.
#include "visual_kv_kernels.hpp"

namespace mica::simd {

const VisualKvKernels visual_kv_kernels_neon = {};

}  // namespace mica::simd
