// The kernel table: every kernel of mica at every level of instruction set, chosen once at run time. Not ops: kernels
// never allocate, never fail, never start threads and keep no state; they compute the range that the caller names.
//
// The contract of every kernel (what a caller may rely on):
// - it computes exactly the range of rows and channels it is given, so that the caller owns tiles and threads;
// - it reads and writes only the bytes that its header declares (tests put guard pages around them);
// - every tail is handled; sizes of zero do nothing;
// - the integer part has the same bits at every level; float results differ from the scalar twin by rounding only;
// - the scalar twin in simd/scalar/ is the definition.
#pragma once

#include "activation_kernels.hpp"
#include "attention_kernels.hpp"
#include "cpu_features.hpp"
#include "float_kernels.hpp"
#include "gemm_kernels.hpp"
#include "level_names.hpp"
#include "quantize_kernels.hpp"
#include "rotate_kernels.hpp"
#include "visual_kv_kernels.hpp"

namespace mica::simd {

// The rows of levels.list, in its order.
#define MICA_ENUMERATOR(level) level,
enum class Level : int { MICA_EACH_LEVEL(MICA_ENUMERATOR) count };
#undef MICA_ENUMERATOR

struct Kernels {
  Level level;
  const char* name;   // "scalar", "avx2", ...: what MICA_ISA= takes
  CpuFeatures needs;  // the level's and its ancestors'
  const ActivationKernels* activation;
  const AttentionKernels* attention;
  const FloatKernels* f32;
  const GemmKernels* gemm;
  const QuantizeKernels* quantize;
  const RotateKernels* rotate;
  const VisualKvKernels* visual_kv;
};

// Null when this binary was not built with the level or this processor (or its operating system) lacks it.
const Kernels* kernels_at(Level level);
// The best level that this processor runs.
const Kernels* kernels_best();
// By name; null when unknown or not runnable here.
const Kernels* kernels_named(const char* name);
// Also of a level that is not of this binary.
const char* level_name(Level level);

}  // namespace mica::simd
