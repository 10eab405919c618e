// Names of simd that headers of the ops pass on: whoever includes these holds and hands over what is behind them, and
// cannot look inside (simd is a private dependency of ops).
#pragma once

namespace mica::simd {

struct FloatKernels;
struct Kernels;
struct PackedRows;
struct RotationPlan;

}  // namespace mica::simd
