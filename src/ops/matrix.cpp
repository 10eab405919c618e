// Matrix: the choice of the widening kernel by storage type. Not kernels.
#include "matrix.hpp"

#include <cstring>

namespace mica {

bool is_weight_dtype(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::q8_0:
    case DType::q4_0:
    case DType::q4_1: return true;
    default: return false;
  }
}

void widen_row(const simd::FloatKernels& kernels, DType dtype, float* dst, const uint8_t* src, size_t n) {
  switch (dtype) {
    case DType::f32: std::memcpy(dst, src, n * sizeof(float)); return;
    case DType::f16: kernels.widen_f16(dst, reinterpret_cast<const uint16_t*>(src), n); return;
    case DType::bf16: kernels.widen_bf16(dst, reinterpret_cast<const uint16_t*>(src), n); return;
    case DType::q8_0: kernels.widen_q8_0(dst, src, n); return;
    case DType::q4_0: kernels.widen_q4_0(dst, src, n); return;
    case DType::q4_1: kernels.widen_q4_1(dst, src, n); return;
    default: return;  // is_weight_dtype refused it
  }
}

}  // namespace mica
