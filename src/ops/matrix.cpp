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

void widen_matrix_row(const simd::FloatKernels& kernels, const Matrix& matrix, size_t index, float* dst) {
  if (!matrix.is_packed()) {
    widen_row(kernels, matrix.dtype, dst, matrix.row(index), matrix.columns);
    return;
  }
  const uint8_t* panel = matrix.data + index / simd::kPanelChannels * matrix.stride_bytes;
  const size_t channel = index % simd::kPanelChannels;
  const float scale = matrix.scale[index];
  for (size_t i = 0; i < matrix.columns; ++i) {
    int value = 0;
    if (matrix.layout == MatrixLayout::panels_s8) {
      value = static_cast<int8_t>(panel[i / 4 * 64 + 4 * channel + i % 4]);
    } else {
      const uint8_t pair = panel[i / 8 * 64 + 4 * channel + i % 4];
      value = (i % 8 < 4 ? pair & 15 : pair >> 4) - 8;
    }
    dst[i] = scale * static_cast<float>(value);
  }
}

}  // namespace mica
