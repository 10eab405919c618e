// rotate kernels at level scalar: the definition, factor by factor.
#include <cmath>

#include "dct_angle.hpp"
#include "rotate_kernels.hpp"
#include "own_table.hpp"
#include "scalar/quantize_value.hpp"

namespace mica::simd {

namespace {

// sqrt(p) * D_p, or its transpose.
struct DctMatrix {
  float entry[kDctPrimeMax][kDctPrimeMax];
};

DctMatrix dct_matrix(const RotationPlan& plan, uint32_t prime, bool inverse) {
  DctMatrix matrix = {};
  for (uint32_t k = 0; k < prime; ++k) {
    for (uint32_t j = 0; j < prime; ++j) {
      const DctAngle angle = dct_angle(prime, k, j);
      const float cosine = angle.quarter == prime ? 0.0f : plan.cosines[prime][angle.quarter];
      const float entry = k == 0 ? 1.0f : angle.negative ? -cosine : cosine;
      (inverse ? matrix.entry[j][k] : matrix.entry[k][j]) = entry;
    }
  }
  return matrix;
}

// One column of a DCT over `prime` values at a distance of `stride`.
void dct_column(const DctMatrix& matrix, uint32_t prime, size_t stride, float* x) {
  float in[kDctPrimeMax];
  for (uint32_t j = 0; j < prime; ++j) in[j] = x[j * stride];
  for (uint32_t k = 0; k < prime; ++k) {
    float sum = 0.0f;
    for (uint32_t j = 0; j < prime; ++j) sum += in[j] * matrix.entry[k][j];
    x[k * stride] = sum;
  }
}

// A part without its constant factor.
void transform_part(const RotationPlan& plan, const RotationPart& part, bool inverse, float* x) {
  size_t stride = part.width;
  for (uint32_t f = 0; f < part.factor_count; ++f) {
    const uint32_t prime = part.factors[f];
    stride /= prime;
    const DctMatrix matrix = dct_matrix(plan, prime, inverse);
    for (size_t block = 0; block < part.width; block += prime * stride)
      for (size_t column = 0; column < stride; ++column) dct_column(matrix, prime, stride, x + block + column);
  }
  for (size_t step = stride / 2; step > 0; step /= 2) {
    for (size_t i = 0; i < part.width; ++i) {
      if (i & step) continue;
      const float a = x[i];
      x[i] = a + x[i + step];
      x[i + step] = a - x[i + step];
    }
  }
}

float scaled_by_root(float scale, size_t width) { return scale / std::sqrt(static_cast<float>(width)); }

// All parts. A single one is multiplied by its constant factor and `scale`, before anything else: vector levels have
// ports to spare in their first pass.
void transform_parts(const RotationPlan& plan, bool inverse, float scale, float* x) {
  const float factor = scaled_by_root(scale, plan.width);
  if (plan.part_count == 1)
    for (size_t i = 0; i < plan.width; ++i) x[i] *= factor;
  for (uint32_t p = 0; p < plan.part_count; ++p) {
    transform_part(plan, plan.parts[p], inverse, x);
    x += plan.parts[p].width;
  }
}

// G or its inverse on rows of two parts, with all of their constant factors.
void join_parts(const RotationPlan& plan, bool inverse, float scale, float* x) {
  if (plan.part_count == 1) return;
  const size_t n0 = plan.parts[0].width;
  const size_t n1 = plan.parts[1].width;
  const float scale0 = scaled_by_root(scale, n0);
  for (size_t i = n1; i < n0; ++i) x[i] *= scale0;
  const float scale1 = scaled_by_root(scale, n1);
  const float n = static_cast<float>(plan.width);
  for (size_t i = 0; i < n1; ++i) {
    const float cosine = i == 0 ? std::sqrt(static_cast<float>(n0) / n) : std::sqrt(0.5f);
    const float sine = i == 0 ? std::sqrt(static_cast<float>(n1) / n) : std::sqrt(0.5f);
    const float a = x[i] * (inverse ? 1.0f : scale0);
    const float b = x[n0 + i] * (inverse ? 1.0f : scale1);
    // [c s; -s c] for the first channels, [c s; s -c] for the others.
    const float turned = i == 0 ? -1.0f : 1.0f;
    const float other = inverse ? turned * sine : sine;
    x[i] = (cosine * a + other * b) * (inverse ? scale0 : 1.0f);
    x[n0 + i] = ((inverse ? sine : turned * sine) * a - turned * cosine * b) * (inverse ? scale1 : 1.0f);
  }
}

void flip_signs(const uint32_t* sign_bits, size_t width, float* x) {
  if (!sign_bits) return;
  for (size_t i = 0; i < width; ++i)
    if (sign_bits[i / 32] >> i % 32 & 1) x[i] = -x[i];
}

void rotate(const RotationPlan& plan, size_t blocks, const uint32_t* sign_bits, float scale, float* row) {
  for (size_t block = 0; block < blocks; ++block, row += plan.width) {
    flip_signs(sign_bits, plan.width, row);
    transform_parts(plan, false, scale, row);
    join_parts(plan, false, scale, row);
  }
}

void rotate_inverse(const RotationPlan& plan, size_t blocks, const uint32_t* sign_bits, float scale, float* row) {
  for (size_t block = 0; block < blocks; ++block, row += plan.width) {
    join_parts(plan, true, scale, row);
    transform_parts(plan, true, scale, row);
    flip_signs(sign_bits, plan.width, row);
  }
}

int32_t rotate_quantize(int8_t* dst, const RotationPlan& plan, float multiplier, float* mean, float* row) {
  transform_parts(plan, false, multiplier, row);
  join_parts(plan, false, multiplier, row);
  if (mean) {
    *mean = row[0] / multiplier;
    row[0] = 0.0f;
  }
  return quantize_values(dst, 1.0f, plan.width, [row](size_t i) { return row[i]; });
}

}  // namespace

extern const RotateKernels MICA_TABLE(rotate) = {
    .rotate = rotate,
    .rotate_inverse = rotate_inverse,
    .rotate_quantize = rotate_quantize,
};

}  // namespace mica::simd
