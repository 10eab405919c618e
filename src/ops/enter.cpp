// Enter: rows over threads, and the choice between floats and int8. Not arithmetic: simd/.
#include "enter.hpp"

#include <algorithm>

#include "checked.hpp"

namespace mica {
namespace {

// Rows that one task handles.
constexpr size_t kTaskRows = 8;

template <class Body>
void for_rows(const Compute& compute, size_t rows, const Body& body) {
  parallel_for(compute, ceil_div(rows, kTaskRows), [&](size_t task, int thread) {
    const size_t end = std::min(rows, (task + 1) * kTaskRows);
    for (size_t row = task * kTaskRows; row < end; ++row) body(row, thread);
  });
}

Rows float_rows(const Compute& compute, const QuantPoint& point, const float* values, size_t stride, size_t rows,
                size_t visual, size_t width) {
  const bool wanted = compute.observer == nullptr || compute.observer->observe(point, values, stride, rows, visual, width);
  Rows out;
  out.count = wanted ? rows : 0;
  out.visual = visual;
  out.width = width;
  out.stride = stride;
  out.values = values;
  return out;
}

Rows quantized_rows(const QuantPoint& point, size_t rows, size_t visual, size_t width, const RowBuffers& buffers) {
  Rows out;
  out.count = rows;
  out.visual = visual;
  out.width = width;
  out.stride = simd::quantized_row_bytes(width);
  out.quantized = buffers.quantized;
  out.sums = buffers.sums;
  out.scale_visual = point.scale_visual;
  out.scale_text = point.scale_text;
  return out;
}

// Moves the reader's kept channels out of the rows.
void take_kept(const Compute& compute, const Matrix& reader, float* src, size_t src_stride, size_t rows, float* kept) {
  for_rows(compute, rows, [&](size_t row, int) {
    for (uint32_t k = 0; k < reader.kept_count; ++k) {
      float& value = src[row * src_stride + reader.kept_channels[k]];
      kept[row * kKeptChannelsMax + k] = value;
      value = 0.0f;
    }
  });
}

float multiplier(const QuantPoint& point, size_t row, size_t visual) {
  return 1.0f / (row < visual ? point.scale_visual : point.scale_text);
}

// dst = x - (u x) u: the mean of a row in rotated space taken away.
void remove_direction(const float* x, const float* direction, float* dst, size_t width) {
  // Eight sums in a fixed order: the same bits at every level.
  float sums[8] = {};
  for (size_t i = 0; i < width; ++i) sums[i % 8] += x[i] * direction[i];
  const float mean = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  for (size_t i = 0; i < width; ++i) dst[i] = x[i] - mean * direction[i];
}

void norm_row(const simd::FloatKernels& kernels, Norm norm, const NormWeights& weights, float epsilon, float* dst,
              const float* src, size_t width) {
  if (weights.direction) {
    remove_direction(src, weights.direction, dst, width);
    kernels.rms_norm(dst, dst, weights.weight, epsilon, width);
  } else if (norm == Norm::rms) {
    kernels.rms_norm(dst, src, weights.weight, epsilon, width);
  } else {
    kernels.layer_norm(dst, src, weights.weight, weights.bias, epsilon, width);
  }
}

}  // namespace

void norm_rows(const Compute& compute, Norm norm, const NormWeights& weights, float epsilon, float* dst, size_t dst_stride,
               const float* src, size_t src_stride, size_t rows, size_t width) {
  for_rows(compute, rows, [&](size_t row, int) {
    norm_row(*compute.kernels->f32, norm, weights, epsilon, dst + row * dst_stride, src + row * src_stride, width);
  });
}

Rows enter_norm(const Compute& compute, const QuantPoint& point, const Matrix& reader, Norm norm, const NormWeights& weights,
                float epsilon, const float* src, size_t src_stride, size_t rows, size_t visual, size_t width,
                const RowBuffers& buffers) {
  if (!reader.is_packed()) {
    norm_rows(compute, norm, weights, epsilon, buffers.values, width, src, src_stride, rows, width);
    return float_rows(compute, point, buffers.values, width, rows, visual, width);
  }
  const simd::QuantizeKernels& kernels = *compute.kernels->quantize;
  const size_t stride = simd::quantized_row_bytes(width);
  for_rows(compute, rows, [&](size_t row, int) {
    const float* x = src + row * src_stride;
    int8_t* dst = buffers.quantized + row * stride;
    const float by = multiplier(point, row, visual);
    if (weights.direction) {
      float* centred = buffers.values + row * width;
      remove_direction(x, weights.direction, centred, width);
      buffers.sums[row] = kernels.rms_norm_quantize(dst, centred, weights.weight, epsilon, by, width);
    } else if (norm == Norm::rms) {
      buffers.sums[row] = kernels.rms_norm_quantize(dst, x, weights.weight, epsilon, by, width);
    } else {
      buffers.sums[row] = kernels.layer_norm_quantize(dst, x, weights.weight, weights.bias, epsilon, by, width);
    }
  });
  return quantized_rows(point, rows, visual, width, buffers);
}

Rows enter_rows(const Compute& compute, const QuantPoint& point, const Matrix& reader, const float* src, size_t src_stride,
                size_t rows, size_t visual, size_t width, const RowBuffers& buffers) {
  if (!reader.is_packed()) return float_rows(compute, point, src, src_stride, rows, visual, width);
  const size_t stride = simd::quantized_row_bytes(width);
  for_rows(compute, rows, [&](size_t row, int) {
    buffers.sums[row] = compute.kernels->quantize->quantize_row(buffers.quantized + row * stride, src + row * src_stride,
                                                                multiplier(point, row, visual), width);
  });
  return quantized_rows(point, rows, visual, width, buffers);
}

Rows enter_rotated(const Compute& compute, const QuantPoint& point, const Matrix& reader, const simd::RotationPlan* plan,
                   float* src, size_t src_stride, size_t rows, size_t visual, size_t width, const RowBuffers& buffers) {
  const bool kept = reader.is_packed() && reader.kept_count != 0;
  if (kept) take_kept(compute, reader, src, src_stride, rows, buffers.kept);
  if (plan == nullptr) {
    Rows out = enter_rows(compute, point, reader, src, src_stride, rows, visual, width, buffers);
    if (kept) out.kept = buffers.kept;
    return out;
  }
  if (!reader.is_packed()) {
    rotate_rows(compute, *plan, nullptr, src, src_stride, rows, false);
    return float_rows(compute, point, src, src_stride, rows, visual, width);
  }
  const size_t stride = simd::quantized_row_bytes(width);
  float* means = reader.rank1 ? buffers.rank1 : nullptr;
  for_rows(compute, rows, [&](size_t row, int) {
    buffers.sums[row] = compute.kernels->rotate->rotate_quantize(buffers.quantized + row * stride, *plan, 1, nullptr,
                                                                 multiplier(point, row, visual), means ? means + row : nullptr,
                                                                 src + row * src_stride);
  });
  Rows out = quantized_rows(point, rows, visual, width, buffers);
  out.rank1 = means;
  if (kept) out.kept = buffers.kept;
  return out;
}

void rotate_rows(const Compute& compute, const simd::RotationPlan& plan, const uint32_t* signs, float* x, size_t stride,
                 size_t rows, bool inverse) {
  const auto rotate = inverse ? compute.kernels->rotate->rotate_inverse : compute.kernels->rotate->rotate;
  for_rows(compute, rows, [&](size_t row, int) { rotate(plan, 1, signs, 1.0f, x + row * stride); });
}

}  // namespace mica
