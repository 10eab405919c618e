// Matrix: the weights of one linear layer as they lie in the model file, and rows of it widened to float. Not its
// product: linear.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dtype.hpp"
#include "simd_names.hpp"
#include "weight_format.hpp"

namespace mica {

inline constexpr uint32_t kKeptChannelsMax = 16;

// What enters a matrix and what leaves it stays within these.
struct RowBounds {
  float in_min, in_max, out_min, out_max;
};

// Values that enter a matrix, and those that leave it, become whole multiples of these, -128 to 127; 0: they stay.
struct RowSteps {
  float in = 0, out = 0;
};

struct Matrix {
  size_t rows = 0;     // output channels
  size_t columns = 0;  // inputs
  WeightFormat format = WeightFormat::floats;  // others are panels, with a scale a row
  DType dtype = DType::f32;       // of floats
  const uint8_t* data = nullptr;  // borrowed from the model file; panels are 64-byte aligned
  size_t stride_bytes = 0;        // from row to row, or from panel to panel
  const float* bias = nullptr;    // [rows], or null
  const float* scale = nullptr;   // [rows], of panels: weight = scale * integer
  const int8_t* levels = nullptr; // [kLevelsMax], of panels of indices: what integers they stand for
  const float* rank1 = nullptr;   // [rows], of panels: the weights of the input that stays float (MQuant, RMS), or null
  // Of panels whose inputs are rotated online: channels whose rare, huge values are taken out before the rotation and
  // multiplied in float ("massive activations", arXiv 2402.17762: one token's value would fix the scale of all).
  const uint32_t* kept_channels = nullptr;  // [kept_count]
  const float* kept = nullptr;              // [kept_count][rows]
  uint32_t kept_count = 0;                  // at most kKeptChannelsMax
  // What the checkpoint itself says of the rows; null: nothing. Who calls linear() does it (engine/kept_rows.hpp).
  const RowBounds* bounds = nullptr;
  const RowSteps* steps = nullptr;

  bool is_packed() const { return format != WeightFormat::floats; }
  // What enters it is integers under a quant point's scales.
  bool reads_point() const { return is_packed() && steps == nullptr; }
  bool keeps_rows() const { return bounds != nullptr || steps != nullptr; }

  const uint8_t* row(size_t index) const { return data + index * stride_bytes; }
  // From the first row or panel to the end of the last.
  size_t bytes() const;
};

// n floats to halves, to the nearest.
void narrow_row(const simd::Kernels& kernels, uint16_t* dst, const float* src, size_t n);

// Row `index` of a matrix in any format, `columns` floats.
void widen_matrix_row(const simd::Kernels& kernels, const Matrix& matrix, size_t index, float* dst);

// Row `index` of a table of rows of `width` floats, which may be stored as several shorter rows each.
void widen_table_row(const simd::Kernels& kernels, const Matrix& table, size_t index, size_t width, float* dst);

// n values from `src` to float, of a type that weights have (dtype.hpp); n is a multiple of its block.
void widen_row(const simd::Kernels& kernels, DType dtype, float* dst, const uint8_t* src, size_t n);

// ---- panels ---------------------------------------------------------------------------------------------------------

// Inputs of a packed matrix at most: more could overflow its sums.
size_t packed_columns_max(WeightFormat format);

size_t panel_count(size_t rows);
// Of one panel, a multiple of 64; not of WeightFormat::floats.
size_t panel_bytes(WeightFormat format, size_t columns);
// Inputs that share a multiplier make a group; 0 where the format has none.
size_t group_count(WeightFormat format, size_t columns);
// The column that shares an index with `column` in formats of pairs, itself in others; the smaller one is the first.
size_t pair_of(WeightFormat format, size_t column);

// What is packed: codes[rows][columns], multipliers[rows][groups] and levels[kLevelsMax] of formats that have them.
struct PanelIntegers {
  const int8_t* codes;
  const uint8_t* multipliers = nullptr;
  const int8_t* levels = nullptr;
};
// To panel_count(rows) panels, 64-byte aligned.
void pack_panels(WeightFormat format, uint8_t* panels, const PanelIntegers& integers, size_t rows, size_t columns);

}  // namespace mica
