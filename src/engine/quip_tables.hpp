// The tables of QuIP# (arXiv 2402.04396). Not their use: quantized_lattice.cpp.
#pragma once

#include <cstdint>

namespace mica {

// Of each of 256 vectors eight nibbles: twice the magnitude, plus 8. The columns stand in the order 0, 2, 4, 6, 1, 3, 5, 7.
extern const uint32_t kQuipMagnitudes[256];
// The matrix of sizes 12 * 2^k; it is not symmetric.
extern const uint16_t kHadamard12[12];

}  // namespace mica
