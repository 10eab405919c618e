// E8P, the codebook of QuIP# (arXiv 2402.04396): 2^16 vectors of the lattice E8 + 1/4 as one of 256 patterns, seven signs
// and a shift. Not how their codes lie in panels: formats/e8p_inl.hpp.
//
// In quarters, as here, a vector is 2 s m + e: the magnitudes m are odd, 1 to 5, the signs s such that half the sum of s m
// is even, and e is 1 or -1 throughout. Its magnitudes are a pattern's: of the 227 with a sum of squares up to 40, by
// rising (m0, m1, ..., m7), and behind them 29 of the 56 with five 3 (a sum of 48), in the same order: those whose three 1
// stand at places that add up to an even number, and places 0, 1 and 2.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace mica::simd {

inline constexpr size_t kVectorInputs = 8;  // that a code is of

// What of a vector is stored: where its pattern stands, and a byte with the signs of the first seven values from the low
// bit on (1: negative) and, in its high bit, whether the shift is -1.
struct E8pCode {
  uint8_t pattern, signs;
};

struct E8pTable {
  // Twice the magnitudes of each pattern, from the low byte on; the last is negative where an odd number of signs is
  // wanted, so that those of a code are always even in number.
  uint64_t patterns[256];
  // Where a pattern stands, by its magnitudes as digits of base 3, the first the highest: 0 for what is none.
  uint8_t places[6561];
};
extern const E8pTable kE8p;

// Of a vector's eight values; of anything else some code.
E8pCode e8p_code(const int8_t* values);

namespace {  // each level compiles its own copy: no weak symbol carries one level's instructions into another

inline int e8p_value(E8pCode code, size_t place) {
  const uint32_t seven = code.signs & 127u;
  const uint32_t signs = seven | (static_cast<uint32_t>(std::popcount(seven)) & 1u) << 7;
  const auto twice = static_cast<int8_t>(kE8p.patterns[code.pattern] >> 8 * place);
  return (signs >> place & 1u ? -twice : twice) + (code.signs & 128u ? -1 : 1);
}

}  // namespace
}  // namespace mica::simd
