// Enter: rows over threads, and the choice between floats and int8. Not arithmetic: simd/.
#include "enter.hpp"

#include <cmath>

#include "kernels.hpp"

namespace mica {
namespace {

static_assert(quantized_row_bytes(33) == simd::quantized_row_bytes(33));

Rows float_rows(const Compute& compute, const QuantPoint& point, const float* values, size_t stride, size_t rows,
                size_t visual, size_t width) {
  const bool wanted =
      compute.observer == nullptr || compute.observer->observe(point, values, stride, rows, visual, width);
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
  out.stride = quantized_row_bytes(width);
  out.quantized = buffers.quantized;
  out.sums = buffers.sums;
  out.scale_visual = point.scale_visual;
  out.scale_text = point.scale_text;
  return out;
}

// Moves the reader's kept channels out of a row.
void take_kept(const Matrix& reader, float* row, float* kept) {
  for (uint32_t k = 0; k < reader.kept_count; ++k) {
    float& value = row[reader.kept_channels[k]];
    kept[k] = value;
    value = 0.0f;
  }
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

void activate_row(const simd::Kernels& all, Activation function, float* dst, const float* src, const float* factor,
                  size_t width) {
  const simd::ActivationKernels& kernels = *all.activation;
  switch (function) {
    case Activation::silu:
      factor ? kernels.silu_mul(dst, src, factor, width) : kernels.silu(dst, src, width);
      return;
    case Activation::gelu_tanh:
      factor ? kernels.gelu_tanh_mul(dst, src, factor, width) : kernels.gelu_tanh(dst, src, width);
      return;
    case Activation::gelu: kernels.gelu(dst, src, width); break;
    case Activation::quick_gelu: kernels.quick_gelu(dst, src, width); break;
  }
  for (size_t i = 0; factor && i < width; ++i) dst[i] *= factor[i];
}

void norm_rows(const Compute& compute, Norm norm, const NormWeights& weights, float epsilon, float* dst,
               size_t dst_stride, const float* src, size_t src_stride, size_t rows, size_t width) {
  for_rows(compute, rows, [&](size_t row) {
    norm_row(*compute.kernels->f32, norm, weights, epsilon, dst + row * dst_stride, src + row * src_stride, width);
  });
}

Rows enter_norm(const Compute& compute, const QuantPoint& point, const Matrix& reader, Norm norm,
                const NormWeights& weights, float epsilon, const float* src, size_t src_stride, size_t rows,
                size_t visual, size_t width, const RowBuffers& buffers) {
  if (!reader.reads_point()) {
    norm_rows(compute, norm, weights, epsilon, buffers.values, width, src, src_stride, rows, width);
    return float_rows(compute, point, buffers.values, width, rows, visual, width);
  }
  const simd::QuantizeKernels& kernels = *compute.kernels->quantize;
  const size_t stride = quantized_row_bytes(width);
  for_rows(compute, rows, [&](size_t row) {
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

Rows enter_rows(const Compute& compute, const QuantPoint& point, const Matrix& reader, const float* src,
                size_t src_stride, size_t rows, size_t visual, size_t width, const RowBuffers& buffers) {
  if (!reader.reads_point()) return float_rows(compute, point, src, src_stride, rows, visual, width);
  const size_t stride = quantized_row_bytes(width);
  for_rows(compute, rows, [&](size_t row) {
    buffers.sums[row] = compute.kernels->quantize->quantize_row(
        buffers.quantized + row * stride, src + row * src_stride, multiplier(point, row, visual), width);
  });
  return quantized_rows(point, rows, visual, width, buffers);
}

Rows enter_activated(const Compute& compute, const QuantPoint& point, const Matrix& reader, const Activated& activated,
                     const RowRotation* rotation, float* dst, size_t stride, size_t rows, size_t visual,
                     size_t width, const RowBuffers& buffers) {
  const simd::Kernels& kernels = *compute.kernels;
  const simd::RotationPlan* plan = rotation ? &rotation->plan() : nullptr;
  const bool packed = reader.reads_point();
  float* kept = packed && reader.kept_count != 0 ? buffers.kept : nullptr;
  float* means = packed && plan && reader.rank1 ? buffers.rank1 : nullptr;
  const size_t quantized_stride = quantized_row_bytes(width);
  // All that happens to a row, while it is in the cache.
  for_rows(compute, rows, [&](size_t row) {
    float* x = dst + row * stride;
    activate_row(kernels, activated.function, x, activated.src + row * stride,
                 activated.factor ? activated.factor + row * stride : nullptr, width);
    if (kept) take_kept(reader, x, kept + row * kKeptChannelsMax);
    if (!packed) {
      if (plan) kernels.rotate->rotate(*plan, 1, nullptr, 1.0f, x);
      return;
    }
    int8_t* out = buffers.quantized + row * quantized_stride;
    const float by = multiplier(point, row, visual);
    buffers.sums[row] =
        plan ? kernels.rotate->rotate_quantize(out, *plan, by, means ? means + row : nullptr, x)
             : kernels.quantize->quantize_row(out, x, by, width);
  });
  if (!packed) return float_rows(compute, point, dst, stride, rows, visual, width);
  Rows out = quantized_rows(point, rows, visual, width, buffers);
  out.rank1 = means;
  out.kept = kept;
  return out;
}

void rotate_rows(const Compute& compute, const RowRotation& rotation, const uint32_t* signs, float* x, size_t stride,
                 size_t rows, bool inverse) {
  const auto rotate = inverse ? compute.kernels->rotate->rotate_inverse : compute.kernels->rotate->rotate;
  const simd::RotationPlan& plan = rotation.plan();
  for_rows(compute, rows, [&](size_t row) { rotate(plan, 1, signs, 1.0f, x + row * stride); });
}

void add_rows(const Compute& compute, float* x, const float* terms, size_t rows, size_t width, const float* scale) {
  for_rows(compute, rows, [&](size_t row) {
    float* to = x + row * width;
    compute.kernels->f32->finish_row(to, terms + row * width, nullptr, scale, to, width);
  });
}

void gate_rows(const Compute& compute, float* x, size_t x_stride, const float* gates, size_t gate_stride, size_t rows,
               size_t width) {
  for_rows(compute, rows, [&](size_t row) {
    float* values = x + row * x_stride;
    const float* gate = gates + row * gate_stride;
    for (size_t i = 0; i < width; ++i) values[i] /= 1.0f + std::exp(-gate[i]);
  });
}

void norm_heads(const Compute& compute, const float* weight, float epsilon, float* x, size_t stride, size_t rows,
                size_t heads, size_t head_dim) {
  if (weight == nullptr) return;
  for_rows(compute, rows, [&](size_t row) {
    for (size_t head = 0; head < heads; ++head) {
      float* values = x + row * stride + head * head_dim;
      compute.kernels->f32->rms_norm(values, values, weight, epsilon, head_dim);
    }
  });
}

}  // namespace mica
