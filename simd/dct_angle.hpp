// The angles of a DCT-II matrix, reduced to the first quarter turn by whole numbers: what the definition, the scalar
// and the vector kernels look their cosines up by. Not cosines: RotationPlan has those.
#pragma once

#include <cstdint>

namespace mica::simd {
namespace {  // each level compiles its own copy

// cos(pi * k * (2 j + 1) / (2 p)) = sign * cos(pi * quarter / (2 p)), 0 <= quarter <= p; zero where quarter == p.
struct DctAngle {
  uint32_t quarter;
  bool negative;
};

constexpr DctAngle dct_angle(uint32_t prime, uint32_t k, uint32_t j) {
  const uint32_t turn = k * (2 * j + 1) % (4 * prime);
  const uint32_t half = turn > 2 * prime ? 4 * prime - turn : turn;
  return half > prime ? DctAngle{2 * prime - half, true} : DctAngle{half, false};
}

}  // namespace
}  // namespace mica::simd
