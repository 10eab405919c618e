// KeptRows: what is done to rows before and behind a product. Not the product: ops/linear.hpp.
#include "kept_rows.hpp"

#include <algorithm>
#include <cmath>

#include "linear.hpp"

namespace mica {
namespace {

// Halves to even, as the reference rounds; of a quotient, since a product by 1 / step may fall on the other side.
float steps_of(float value, float step) { return std::clamp(std::nearbyint(value / step), -128.0f, 127.0f); }

// dst = function(src), value by value; rows of dst and src may be the same.
template <class Function>
void map_rows(const Compute& compute, float* dst, size_t dst_stride, const float* src, size_t src_stride, size_t rows,
              size_t width, Function function) {
  for_rows(compute, rows, [&](size_t row) {
    for (size_t i = 0; i < width; ++i) dst[row * dst_stride + i] = function(src[row * src_stride + i]);
  });
}

Rows to_integers(const Compute& compute, float step, const Rows& in, const RowBuffers& buffers) {
  const size_t stride = quantized_row_bytes(in.width);
  for_rows(compute, in.count, [&](size_t row) {
    int8_t* out = buffers.quantized + row * stride;
    int32_t sum = 0;
    for (size_t i = 0; i < in.width; ++i) {
      const float whole = steps_of(in.values[row * in.stride + i], step);
      out[i] = std::isnan(whole) ? int8_t{0} : static_cast<int8_t>(whole);
      sum += out[i];
    }
    std::fill(out + in.width, out + stride, int8_t{0});
    buffers.sums[row] = sum;
  });
  Rows rows;
  rows.count = in.count;
  rows.width = in.width;
  rows.stride = stride;
  rows.quantized = buffers.quantized;
  rows.sums = buffers.sums;
  rows.scale_visual = rows.scale_text = 1;
  return rows;
}

// What a product of integers is, in double: the floats that linear() gives tell its integers, which may lie so near to
// the middle between two steps that two roundings of floats would decide.
void finish_integers(const Compute& compute, const RowSteps& steps, const Matrix& matrix, float* dst, size_t stride,
                     size_t rows) {
  for_rows(compute, rows, [&](size_t row) {
    for (size_t c = 0; c < matrix.rows; ++c) {
      float& value = dst[row * stride + c];
      const auto weight = static_cast<double>(matrix.scale[c]);
      const double sum = weight == 0 ? 0 : std::nearbyint(static_cast<double>(value) / weight);
      const double exact = sum * weight * static_cast<double>(steps.in);
      value = static_cast<float>(exact);
      if (steps.out == 0) continue;
      const double whole = std::nearbyint(exact / static_cast<double>(steps.out));
      value = static_cast<float>(std::clamp(whole, -128.0, 127.0)) * steps.out;
    }
  });
}

}  // namespace

void multiply_kept(const Compute& compute, float* dst, size_t stride, const Rows& in, const Matrix& matrix, float* room,
                   const RowBuffers& buffers) {
  const RowBounds* bounds = matrix.bounds;
  const RowSteps steps = matrix.steps != nullptr ? *matrix.steps : RowSteps{};
  Rows rows = in;
  const auto replace = [&](auto function) {
    map_rows(compute, room, in.width, rows.values, rows.stride, in.count, in.width, function);
    rows = float_rows(room, in.count, in.width);
  };
  if (bounds != nullptr) replace([&](float x) { return std::clamp(x, bounds->in_min, bounds->in_max); });
  const bool integers = steps.in != 0 && matrix.is_packed();
  if (integers) rows = to_integers(compute, steps.in, rows, buffers);
  else if (steps.in != 0) replace([&](float x) { return steps_of(x, steps.in) * steps.in; });
  linear(compute, dst, stride, rows, matrix);
  const auto finish = [&](auto function) {
    map_rows(compute, dst, stride, dst, stride, in.count, matrix.rows, function);
  };
  if (integers) finish_integers(compute, steps, matrix, dst, stride, in.count);
  else if (steps.out != 0) finish([&](float x) { return steps_of(x, steps.out) * steps.out; });
  if (bounds != nullptr) finish([&](float x) { return std::clamp(x, bounds->out_min, bounds->out_max); });
}

}  // namespace mica
