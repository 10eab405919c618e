// Matrix: rows widened by the kernel of their type, panels by that of their format. Not kernels.
#include "matrix.hpp"

#include <algorithm>

#include "kernels.hpp"
#include "panel_format.hpp"

namespace mica {

// The kernels' tables have the order of DType, since both are made of one list.
#define MICA_STORED_TYPE(type, ...) \
  static_assert(static_cast<size_t>(DType::type) == static_cast<size_t>(simd::StoredType::type));
#include "stored_types.inc"

void widen_table_row(const simd::Kernels& kernels, const Matrix& table, size_t index, size_t width, float* dst) {
  const size_t pieces = width / table.columns;
  for (size_t i = 0; i < pieces; ++i) widen_matrix_row(kernels, table, index * pieces + i, dst + i * table.columns);
}

void widen_row(const simd::Kernels& kernels, DType dtype, float* dst, const uint8_t* src, size_t n) {
  kernels.f32->widen[static_cast<size_t>(dtype)](dst, src, n);
}

void narrow_row(const simd::Kernels& kernels, uint16_t* dst, const float* src, size_t n) {
  kernels.f32->narrow_f16(dst, src, n);
}

void widen_matrix_row(const simd::Kernels& kernels, const Matrix& matrix, size_t index, float* dst) {
  if (!matrix.is_packed()) {
    widen_row(kernels, matrix.dtype, dst, matrix.row(index), matrix.columns);
    return;
  }
  constexpr size_t kPartValues = 256;
  const float scale = matrix.scale[index];
  for (size_t first = 0; first < matrix.columns; first += kPartValues) {
    int16_t codes[kPartValues];
    const size_t count = std::min(kPartValues, matrix.columns - first);
    simd::unpack_channel(panel_format(matrix.format), codes, panel_matrix(matrix), index, first, count);
    for (size_t i = 0; i < count; ++i) dst[first + i] = scale * static_cast<float>(codes[i]);
  }
}

size_t Matrix::bytes() const { return stride_bytes * (is_packed() ? panel_count(rows) : rows); }

size_t packed_columns_max(WeightFormat format) { return simd::inputs_max(panel_format(format)); }

size_t panel_count(size_t rows) { return simd::panel_count(rows); }

size_t panel_bytes(WeightFormat format, size_t columns) { return simd::panel_bytes(panel_format(format), columns); }

size_t group_count(WeightFormat format, size_t columns) { return simd::group_count(panel_format(format), columns); }

size_t pair_of(WeightFormat format, size_t column) { return simd::pair_of(panel_format(format), column); }

void pack_panels(WeightFormat format, uint8_t* panels, const PanelIntegers& integers, size_t rows, size_t columns) {
  simd::pack_panels(panel_format(format), panels, {integers.codes, columns, integers.multipliers, integers.levels},
                    columns, rows);
}

}  // namespace mica
