// Rotation plans: which factors a width has, and the matrix that they define. Not a kernel: runs once a width.
#include <cmath>
#include <numbers>

#include "dct_angle.hpp"
#include "rotate_kernels.hpp"

namespace mica::simd {

namespace {

constexpr uint8_t kDctPrimes[] = {3, 5, 7, 11, 13};

// False when a prime factor is larger than kDctPrimeMax.
bool factorize(uint32_t width, RotationPart* part) {
  *part = {};
  part->width = width;
  while (width % 2 == 0) {
    width /= 2;
    ++part->power;
  }
  for (const uint8_t prime : kDctPrimes) {
    for (; width % prime == 0; width /= prime) part->factors[part->factor_count++] = prime;
  }
  return width == 1;
}

// Two parts of odd multiples u + v = odd, v <= u and v as large as possible.
bool split(uint32_t odd, uint32_t power, RotationPlan* plan) {
  for (uint32_t smaller = odd / 2; smaller > 0; --smaller) {
    if (!factorize((odd - smaller) << power, &plan->parts[0])) continue;
    if (!factorize(smaller << power, &plan->parts[1])) continue;
    return true;
  }
  return false;
}

double part_entry(const RotationPart& part, size_t row, size_t column) {
  double entry = 1.0;
  size_t stride = part.width;
  for (uint32_t f = 0; f < part.factor_count; ++f) {
    const uint32_t prime = part.factors[f];
    stride /= prime;
    const auto k = static_cast<uint32_t>(row / stride % prime);
    const DctAngle angle = dct_angle(prime, k, static_cast<uint32_t>(column / stride % prime));
    if (angle.quarter == prime) return 0.0;  // and not what a cosine of pi / 2 rounds to
    const double cosine = std::cos(std::numbers::pi * angle.quarter / (2.0 * prime));
    entry *= std::sqrt((k == 0 ? 1.0 : 2.0) / prime) * (angle.negative ? -cosine : cosine);
  }
  const size_t common = row & column & (stride - 1);
  return (__builtin_popcountll(common) % 2 != 0 ? -entry : entry) / std::sqrt(static_cast<double>(stride));
}

}  // namespace

bool make_rotation_plan(size_t width, RotationPlan* plan) {
  *plan = {};
  if (width == 0 || width > kRotationWidthMax) return false;
  plan->width = static_cast<uint32_t>(width);
  plan->part_count = 1;
  if (!factorize(plan->width, &plan->parts[0])) {
    const uint32_t power = plan->parts[0].power;
    plan->part_count = 2;
    if (!split(plan->width >> power, power, plan)) return false;
  }
  for (const uint8_t prime : kDctPrimes) {
    for (uint32_t m = 0; m < prime; ++m)
      plan->cosines[prime][m] =
          static_cast<float>(std::numbers::sqrt2 * std::cos(std::numbers::pi * m / (2.0 * prime)));
  }
  return true;
}

double rotation_entry(const RotationPlan& plan, size_t row, size_t column) {
  const size_t first = plan.parts[0].width;
  if (plan.part_count == 1) return part_entry(plan.parts[0], row, column);
  // The column lies in one part; the row joins that part's channel `channel` with weight `weight`.
  const bool row_first = row < first;
  const bool column_first = column < first;
  const size_t channel = row_first ? row : row - first;
  double weight = std::numbers::sqrt2 / 2;
  if (channel == 0) {
    // [c s; -s c]: c joins what is in the same part, s what is in the other.
    const size_t cosine_part = row_first == column_first ? 0 : 1;
    weight = std::sqrt(static_cast<double>(plan.parts[cosine_part].width) / plan.width);
    if (!row_first && column_first) weight = -weight;
  } else if (channel >= plan.parts[1].width) {
    weight = column_first ? 1.0 : 0.0;
  } else if (!row_first && !column_first) {
    weight = -weight;
  }
  if (weight == 0.0) return 0.0;
  return weight * part_entry(plan.parts[column_first ? 0 : 1], channel, column_first ? column : column - first);
}

}  // namespace mica::simd
