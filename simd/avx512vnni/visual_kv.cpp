// visual_kv kernels at level avx512vnni.
#include "visual_kv_kernels.hpp"

namespace mica::simd {

const VisualKvKernels visual_kv_kernels_avx512vnni = {};

}  // namespace mica::simd
