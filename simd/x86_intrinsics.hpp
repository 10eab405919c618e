// The one way to the x86 intrinsics: every file of simd/avx2 and simd/avx512vnni includes this and never <immintrin.h>.
// Not a wrapper: the names are Intel's. With MICA_SIMDE they are SIMDe's portable twins, so that the AVX-512 sources also
// run, in the tests, on processors that have none of it.
#pragma once

#ifdef MICA_SIMDE
#define SIMDE_ENABLE_NATIVE_ALIASES
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wundef"
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif
