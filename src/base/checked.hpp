// Checked arithmetic for every number that came from a file or a caller. Not for inner loops: there, sizes are proven.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica {

// Each returns false on overflow and then leaves *out unspecified.
[[nodiscard]] inline bool checked_add(size_t a, size_t b, size_t* out) { return !__builtin_add_overflow(a, b, out); }
[[nodiscard]] inline bool checked_mul(size_t a, size_t b, size_t* out) { return !__builtin_mul_overflow(a, b, out); }

// The smallest multiple of `step` that is at least n; `step` is not zero and the result must fit (n is bounded by a
// limit).
constexpr size_t round_up(size_t n, size_t step) { return (n + step - 1) / step * step; }
constexpr size_t ceil_div(size_t n, size_t step) { return (n + step - 1) / step; }

// The nearest number that a uint32_t holds, fractions cut off.
inline uint32_t clamp_u32(double value) {
  return value <= 0 ? 0 : value >= UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(value);
}

}  // namespace mica
