// Integer attention at level avx2: the table. Not the products: attention_core_inl.hpp.
#include "avx2/attention_core_inl.hpp"

namespace mica::simd {

const AttentionKernels attention_kernels_avx2 = kAttentionKernels<AttentionAvx2>;

}  // namespace mica::simd
