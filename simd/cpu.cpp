// What this processor runs, and the table for it. Not a benchmark: levels are chosen by features alone; MICA_ISA and
// the API override.
#include <cstring>

#include "kernels.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace mica::simd {

namespace {

#define MICA_LEVEL(level)                                                                                   \
  {Level::level, #level, &activation_kernels_##level, &attention_kernels_##level, &float_kernels_##level,   \
   &gemm_kernels_##level, &quantize_kernels_##level, &rotate_kernels_##level, &visual_kv_kernels_##level}

constexpr Kernels kTable[] = {
    MICA_LEVEL(scalar),
#if defined(__x86_64__)
    MICA_LEVEL(avx2),
    MICA_LEVEL(avx512vnni),
#elif defined(__aarch64__)
    MICA_LEVEL(neon),
    MICA_LEVEL(neon_dotprod),
#endif
};
#undef MICA_LEVEL

#if defined(__x86_64__)
// By the instruction itself: clang 14 has no name for this feature. Its registers are AVX's, which the caller checks.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

// All that simd/meson.build allows the level to use. The compilers' checks include what the operating system saves
// (XCR0).
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2") && has_f16c();
}

bool has_avx512vnni() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vnni");
}
#elif defined(__aarch64__) && defined(__linux__)
bool has_dotprod_and_fp16() {
  constexpr unsigned long kNeeded = HWCAP_ASIMDDP | HWCAP_FPHP | HWCAP_ASIMDHP;
  return (getauxval(AT_HWCAP) & kNeeded) == kNeeded;
}
#endif

bool runs_here(Level level) {
  switch (level) {
    case Level::scalar: return true;
#if defined(__x86_64__)
    case Level::avx2: return has_avx2();
    case Level::avx512vnni: return has_avx512vnni();
#elif defined(__aarch64__)
    case Level::neon: return true;  // part of ARMv8-A
#if defined(__linux__)
    case Level::neon_dotprod: return has_dotprod_and_fp16();
#endif
#endif
    default: return false;
  }
}

}  // namespace

const Kernels* kernels_at(Level level) {
  for (const Kernels& kernels : kTable)
    if (kernels.level == level && runs_here(level)) return &kernels;
  return nullptr;
}

const Kernels* kernels_best() {
  const Kernels* best = nullptr;
  for (const Kernels& kernels : kTable)
    if (runs_here(kernels.level)) best = &kernels;
  return best;
}

const Kernels* kernels_named(const char* name) {
  for (const Kernels& kernels : kTable)
    if (std::strcmp(kernels.name, name) == 0) return kernels_at(kernels.level);
  return nullptr;
}

const char* level_name(Level level) {
  switch (level) {
    case Level::scalar: return "scalar";
    case Level::avx2: return "avx2";
    case Level::avx512vnni: return "avx512vnni";
    case Level::neon: return "neon";
    case Level::neon_dotprod: return "neon_dotprod";
    case Level::count: break;
  }
  return "unknown";
}

}  // namespace mica::simd
