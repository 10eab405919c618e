// Key and value kernels at level neon.
#include "neon/visual_kv_lanes_inl.hpp"

namespace mica::simd {

const VisualKvKernels visual_kv_kernels_neon = kNeonKernels;

}  // namespace mica::simd
