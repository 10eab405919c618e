// The group of quantize kernels; its author fills the slots.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

struct QuantizeKernels {};

extern const QuantizeKernels quantize_kernels_scalar;
extern const QuantizeKernels quantize_kernels_avx2;
extern const QuantizeKernels quantize_kernels_avx512vnni;
extern const QuantizeKernels quantize_kernels_neon;
extern const QuantizeKernels quantize_kernels_neon_dotprod;

}  // namespace mica::simd
