// The one way to the x86 intrinsics: every file of simd/avx2 and simd/avx512vnni includes this and never <immintrin.h>.
// Not a wrapper: the names are Intel's. With MICA_SIMDE they are portable twins, so that the tests also run the AVX-512
// sources on processors that have none of it (tests/kernels/simde_intrinsics.hpp).
#pragma once

#ifdef MICA_SIMDE
#include "simde_intrinsics.hpp"
#else
#include <immintrin.h>
#endif
