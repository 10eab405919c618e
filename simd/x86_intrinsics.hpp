// The one way to the x86 intrinsics: every file of simd/ that uses them includes this and never <immintrin.h>. Not a
// wrapper: the names are Intel's. Where the tests compile sources for processors that lack their instructions,
// MICA_TWINS is the header of twins (tests/kernels/), and MICA_SIMDE is defined if all of them are portable.
#pragma once

#ifdef MICA_TWINS
#include MICA_TWINS
#else
#include <immintrin.h>
#endif
