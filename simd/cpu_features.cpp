// What this processor has. Not which level that makes: levels.cpp.
#include "cpu_features.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace mica::simd {

#if defined(__x86_64__)

namespace {

// These two by the instruction itself: clang 14 has no names for them. Their registers are AVX's.
bool has_f16c() {
  unsigned a, b, c, d;
  return __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

bool has_avxvnni() {
  unsigned a, b, c, d;
  return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & bit_AVXVNNI) != 0;
}

}  // namespace

// The compilers' checks include what the operating system saves (XCR0).
CpuFeatures cpu_features() {
  const auto bit = [](CpuFeatures feature, int has) { return has ? feature : 0; };
  return bit(cpu::avx2, __builtin_cpu_supports("avx2")) | bit(cpu::fma, __builtin_cpu_supports("fma")) |
         bit(cpu::f16c, has_f16c()) | bit(cpu::bmi, __builtin_cpu_supports("bmi")) |
         bit(cpu::bmi2, __builtin_cpu_supports("bmi2")) | bit(cpu::avx512f, __builtin_cpu_supports("avx512f")) |
         bit(cpu::avx512bw, __builtin_cpu_supports("avx512bw")) |
         bit(cpu::avx512vl, __builtin_cpu_supports("avx512vl")) |
         bit(cpu::avx512dq, __builtin_cpu_supports("avx512dq")) |
         bit(cpu::avx512cd, __builtin_cpu_supports("avx512cd")) |
         bit(cpu::avx512vnni, __builtin_cpu_supports("avx512vnni")) | bit(cpu::avxvnni, has_avxvnni());
}

#elif defined(__aarch64__)

// asimd is part of ARMv8-A; what else there is only Linux is asked for.
CpuFeatures cpu_features() {
  CpuFeatures found = cpu::asimd;
#if defined(__linux__)
  const unsigned long bits = getauxval(AT_HWCAP);
  if ((getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0) found |= cpu::i8mm;
  constexpr unsigned long kHalves = HWCAP_FPHP | HWCAP_ASIMDHP;
  if ((bits & HWCAP_ASIMDDP) != 0) found |= cpu::dotprod;
  if ((bits & kHalves) == kHalves) found |= cpu::fp16;
#endif
  return found;
}

#else

CpuFeatures cpu_features() { return 0; }

#endif

}  // namespace mica::simd
