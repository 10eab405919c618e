// visual_kv kernels at level scalar.
#include "visual_kv_kernels.hpp"

namespace mica::simd {

const VisualKvKernels visual_kv_kernels_scalar = {};

}  // namespace mica::simd
