// RowRotation: a plan behind its bytes. Not the kernels: simd/.
#include "row_rotation.hpp"

#include <new>
#include <type_traits>

#include "kernels.hpp"

namespace mica {
namespace {

const simd::RotateKernels& definition() { return *simd::kernels_at(simd::Level::scalar)->rotate; }

}  // namespace

bool RowRotation::make(size_t width) {
  static_assert(sizeof(simd::RotationPlan) == kPlanBytes && alignof(simd::RotationPlan) <= 8);
  static_assert(std::is_trivially_copyable_v<simd::RotationPlan>);
  return simd::make_rotation_plan(width, new (plan_) simd::RotationPlan);
}

const simd::RotationPlan& RowRotation::plan() const {
  return *std::launder(reinterpret_cast<const simd::RotationPlan*>(plan_));
}

size_t RowRotation::width() const { return plan().width; }

void RowRotation::rotate(float* row, const uint32_t* signs, size_t blocks) const {
  definition().rotate(plan(), blocks, signs, 1.0f, row);
}

void RowRotation::rotate_back(float* row, const uint32_t* signs, size_t blocks) const {
  definition().rotate_inverse(plan(), blocks, signs, 1.0f, row);
}

}  // namespace mica
