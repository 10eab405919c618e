// The numbers that codes of ggml's IQ types and of 4-bit floats mean, and vectors of them with signs. Not the blocks.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mica::simd {

// Rows of eight magnitudes of two bits each (IQ2), of four of three bits (IQ3), of eight values + 1 of two bits (IQ1),
// from the low bits on.
extern const uint16_t kGridIq2Xxs[256], kGridIq2Xs[512], kGridIq2S[1024];
extern const uint16_t kGridIq3Xxs[256], kGridIq3S[512];
extern const uint16_t kGridIq1[2048];

namespace {

inline constexpr int8_t kNumbersIq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
inline constexpr int8_t kTwiceE2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
inline constexpr int8_t kMagnitudesIq2[4] = {8, 25, 43, 0};  // no row has the fourth
inline constexpr int8_t kMagnitudesIq3Xxs[8] = {4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr int8_t kMagnitudesIq3S[8] = {1, 3, 5, 7, 9, 11, 13, 15};

// Seven signs, and an eighth that makes the number of set ones even.
inline uint32_t even_signs(uint32_t bits) {
  bits &= 127;
  return bits | (static_cast<uint32_t>(std::popcount(bits)) & 1) << 7;
}

inline int8_t signed_by(int8_t magnitude, uint32_t bit) {
  return static_cast<int8_t>(bit & 1 ? -magnitude : magnitude);
}

inline void put_signed_eight(uint32_t row, uint32_t signs, int8_t* codes) {
  for (size_t j = 0; j < 8; ++j) codes[j] = signed_by(kMagnitudesIq2[row >> 2 * j & 3], signs >> j);
}

inline void put_signed_four(const int8_t* magnitudes, uint32_t row, uint32_t signs, int8_t* codes) {
  for (size_t j = 0; j < 4; ++j) codes[j] = signed_by(magnitudes[row >> 3 * j & 7], signs >> j);
}

// Eight times a row of IQ1's grid, and one more or, where `down`, less.
inline void put_eighths(uint32_t row, uint32_t down, int8_t* codes) {
  // Two bits to a byte each.
  uint64_t bytes = row;
  bytes = (bytes | bytes << 24) & 0x000000FF000000FF;
  bytes = (bytes | bytes << 12) & 0x000F000F000F000F;
  bytes = (bytes | bytes << 6) & 0x0303030303030303;
  // Sums of bytes that carry nothing into the next: their top bits are put in behind.
  const uint64_t offsets = down ? 0x7777777777777777 : 0x7979797979797979;
  bytes = ((bytes << 3) + offsets) ^ 0x8080808080808080;
  std::memcpy(codes, &bytes, sizeof bytes);
}

// Half of an E4M3 without its sign; 0 for what is not a number.
inline float half_of_e4m3(uint8_t bits) {
  bits &= 0x7F;
  const uint32_t exponent = bits >> 3, mantissa = bits & 7;
  if (bits == 0x7F) return 0;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
  return std::bit_cast<float>((exponent + 119) << 23 | mantissa << 20);
}

}  // namespace
}  // namespace mica::simd
