// round_up: sizes to whole multiples, for layouts and tails. Not checked: callers bound them.
#pragma once

#include <cstddef>

namespace mica::simd {

constexpr size_t round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace mica::simd
