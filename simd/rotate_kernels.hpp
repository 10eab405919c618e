// Rotations: the online orthogonal transform of activation rows whose first row is constant, for every width of the
// published models. Not the offline rotation of weights as such: whoever prepares weights calls these kernels row by
// row.
//
// The matrix. A width n = r * 2^a with r odd and all prime factors of r at most kDctPrimeMax is one part:
//   R = D_p1 (x) D_p2 (x) ... (x) H,       primes in ascending order, (x) the Kronecker product,
//   D_p[k][j] = sqrt((k == 0 ? 1 : 2) / p) * cos(pi * k * (2 j + 1) / (2 p))       the orthonormal DCT-II,
//   H[i][j] = (-1)^popcount(i & j) / sqrt(2^a)                                     the Walsh-Hadamard matrix.
// Any other r is written as u + v, both with small factors only, v <= u and v as large as possible: two parts of
// n0 = u * 2^a and n1 = v * 2^a channels, and
//   R = G * (R_n0 (+) R_n1),                                                       (+) the direct sum,
// where G joins channel i of one part with channel n0 + i of the other, for i < n1:
//   i == 0:  [c s; -s c], c = sqrt(n0 / n), s = sqrt(n1 / n);   i > 0:  [1 1; 1 -1] / sqrt(2).
// So the first row of R is 1 / sqrt(n) throughout, and every channel is mixed with about n others at the cost of small
// factors: 13696 = 107 * 128 becomes 55 * 128 + 52 * 128, without padding and without a DCT of 107 points.
// A row of activations becomes R x, and a weight row w becomes R w (W R^T): rotate() does both.
//
// With random signs S = diag(+-1) the matrix is R S. (Its first row is not constant then; MQuant's rotation magnitude
// suppression needs it constant. Signs are the alternative to that.)
#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::simd {

inline constexpr uint32_t kDctPrimeMax = 13;           // larger prime factors make two parts
inline constexpr size_t kRotationWidthMax = 1u << 18;  // four times the widest published feed-forward layer and more
inline constexpr size_t kRotationFactorsMax = 12;      // 3^12 is beyond the width
inline constexpr size_t kRotationAlignment = 32;       // int8 rows are padded to a multiple of this

// R without its constant factor for a run of channels: DCTs over the primes (rows scaled by sqrt(p)), then a
// Walsh-Hadamard transform (entries +-1) over 2^power neighbours.
struct RotationPart {
  uint32_t width;
  uint32_t power;
  uint32_t factor_count;
  uint8_t factors[kRotationFactorsMax];  // odd primes, ascending; the first has the largest stride
};

// Built once by make_rotation_plan; plain data, copied freely.
struct RotationPlan {
  uint32_t width;
  uint32_t part_count;  // 1 or 2
  RotationPart parts[2];
  // cosines[p][m] = sqrt(2) * cos(pi * m / (2 p)) for m < p, p an odd prime.
  float cosines[kDctPrimeMax + 1][kDctPrimeMax];
};

// False for widths of zero or beyond kRotationWidthMax, and for the few that are no sum of two numbers with small prime
// factors (the smallest odd one is 1559; no published model has one): leave those unrotated or pad them.
bool make_rotation_plan(size_t width, RotationPlan* plan);

// R[row][column] in double precision, from the definition above: for tests and for whoever checks a packed file.
double rotation_entry(const RotationPlan& plan, size_t row, size_t column);

// A row of rotate and rotate_inverse holds `blocks` runs of plan.width floats, each rotated by itself: blocks = 1 for a
// whole row, more for block-wise rotations (one a head). sign_bits may be null (no signs); otherwise bit i % 32 of word
// i / 32 says that channel i of each block is negated, ceil(width / 32) words. Rows need no alignment.
struct RotateKernels {
  // row = scale * R S row, in place. Bits differ between levels by the roundings of the DCTs only; powers of two are
  // exact twins at every level.
  void (*rotate)(const RotationPlan& plan, size_t blocks, const uint32_t* sign_bits, float scale, float* row);

  // row = scale * S R^T row, in place: the inverse.
  void (*rotate_inverse)(const RotationPlan& plan, size_t blocks, const uint32_t* sign_bits, float scale, float* row);

  // dst = int8 of multiplier * R row, a single block (see quantize_kernels.hpp for the rounding), zero up to the next
  // multiple of kRotationAlignment; returns the sum of the bytes written. multiplier = 1 / the static scale. The row is
  // scratch: its values are lost. Where `mean` is not null, channel 0 (the row's mean times sqrt(width)) is written
  // there as a float, without the multiplier, and as 0 to dst.
  int32_t (*rotate_quantize)(int8_t* dst, const RotationPlan& plan, float multiplier, float* mean, float* row);
};

}  // namespace mica::simd
