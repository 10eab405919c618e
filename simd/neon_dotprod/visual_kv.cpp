// Key and value kernels at level neon_dotprod: look-ups have no use for dot products, the source is NEON's.
#include "neon/visual_kv_lanes_inl.hpp"

namespace mica::simd {

const VisualKvKernels visual_kv_kernels_neon_dotprod = kNeonKernels;

}  // namespace mica::simd
