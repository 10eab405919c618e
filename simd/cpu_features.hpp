// CpuFeatures: what a processor and its operating system let a program use, a bit each, by the names that levels.list
// gives them. Not levels: those are sets of these.
#pragma once

#include <cstdint>

namespace mica::simd {

using CpuFeatures = uint32_t;

namespace cpu {
inline constexpr CpuFeatures avx2 = 1u << 0, fma = 1u << 1, f16c = 1u << 2, bmi = 1u << 3, bmi2 = 1u << 4;
inline constexpr CpuFeatures avx512f = 1u << 5, avx512bw = 1u << 6, avx512vl = 1u << 7, avx512dq = 1u << 8,
                             avx512cd = 1u << 9, avx512vnni = 1u << 10, avxvnni = 1u << 11;
inline constexpr CpuFeatures asimd = 1u << 12, dotprod = 1u << 13, fp16 = 1u << 14, i8mm = 1u << 15;
}  // namespace cpu

// Of the processor that this runs on.
CpuFeatures cpu_features();

}  // namespace mica::simd
