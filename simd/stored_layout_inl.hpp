// What a type's file in stored/ says: how its blocks lie, or how its plain values widen. Rows as floats and products
// are derived from it. Not the list of types: lists/stored_types.inc.
#pragma once

#include <cstring>

#include "float_kernels.hpp"
#include "float_storage.hpp"
#ifdef __F16C__
#include "x86_intrinsics.hpp"
#endif

namespace mica::simd {
namespace {  // each level compiles its own copy: no weak symbol carries one level's instructions into another

struct StoredBlock {
  size_t values, bytes;
};
// By StoredType.
inline constexpr StoredBlock kStoredBlocks[] = {
#define MICA_STORED_TYPE(type, name, number, values, bytes) {values, bytes},
#include "stored_types.inc"
};

inline uint32_t load_u32(const uint8_t* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}
inline uint64_t load_u64(const uint8_t* bytes) {
  uint64_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

inline float load_half(const uint8_t* bytes) {
#if defined(__F16C__)
  return _cvtsh_ss(load_u16(bytes));
#elif defined(__aarch64__)
  __fp16 half;
  std::memcpy(&half, bytes, sizeof half);
  return half;
#else
  return widen_half(load_u16(bytes));
#endif
}

// A specialization for each type. Of blocks:
//   kGroup                                      values that share a scale; divides the block and is a multiple of 16
//   kMinimums                                   whether something is subtracted from a group's values
// and either
//   unpack(block, codes, scales, minimums)      the integers of a block, and the floats of its groups
// or, where integers go into products without a way through memory,
//   kOffset                                     what is taken from codes
//   codes(block, part)                          32 codes from 0 on, of values 32 * part and behind
//   scales(block, scales, minimums)             the floats of its groups
//   kHalves                                     if a block of 32 begins with its scale, and its minimum negated, as
//                                               halves: 1 or 2; then there need be no scales()
// Value i is scales[i / kGroup] * codes[i] - minimums[i / kGroup], the product and the difference rounded as floats.
// Of plain values: kGroup = 0 and widen(dst, src, n).
template <StoredType kType>
struct StoredLayout;

// Vectors that compilers keep in whatever a level has.
using Bytes16 = uint8_t __attribute__((vector_size(16)));
using Bytes32 = uint8_t __attribute__((vector_size(32)));
using Floats8 = float __attribute__((vector_size(32)));

template <class Vector>
inline Vector load_bytes(const void* from) {
  Vector bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}
template <class Vector>
inline void store_bytes(void* to, Vector bytes) {
  std::memcpy(to, &bytes, sizeof bytes);
}

template <class Layout>
concept HasCodes = requires(const uint8_t* block) { Layout::codes(block, size_t{0}); };
template <class Layout>
constexpr size_t halves_of() {
  if constexpr (requires { Layout::kHalves; }) return Layout::kHalves;
  else return 0;
}

// The floats of the groups of a block.
template <class Layout>
void block_scales(const uint8_t* block, float* scales, float* minimums) {
  if constexpr (halves_of<Layout>() == 0) {
    Layout::scales(block, scales, minimums);
  } else {
    scales[0] = load_half(block);
    if constexpr (Layout::kMinimums) minimums[0] = -load_half(block + 2);
  }
}

template <StoredType kType>
void unpack_block(const uint8_t* block, int8_t* codes, float* scales, float* minimums) {
  using Layout = StoredLayout<kType>;
  if constexpr (HasCodes<Layout>) {
    block_scales<Layout>(block, scales, minimums);
    for (size_t part = 0; part < kStoredBlocks[static_cast<size_t>(kType)].values / 32; ++part)
      store_bytes(codes + 32 * part, Layout::codes(block, part) - static_cast<uint8_t>(Layout::kOffset));
  } else {
    Layout::unpack(block, codes, scales, minimums);
  }
}

template <StoredType kType>
void widen_stored(float* dst, const uint8_t* src, size_t n) {
  using Layout = StoredLayout<kType>;
  if constexpr (Layout::kGroup == 0) {
    Layout::widen(dst, src, n);
  } else {
    constexpr StoredBlock kBlock = kStoredBlocks[static_cast<size_t>(kType)];
    constexpr size_t kGroups = kBlock.values / Layout::kGroup;
    int8_t codes[kBlock.values];
    float scales[kGroups], minimums[kGroups];
    for (; n != 0; n -= kBlock.values, src += kBlock.bytes) {
      unpack_block<kType>(src, codes, scales, minimums);
      for (size_t group = 0; group < kGroups; ++group, dst += Layout::kGroup) {
        const int8_t* code = codes + group * Layout::kGroup;
        for (size_t i = 0; i < Layout::kGroup; ++i) {
          dst[i] = scales[group] * static_cast<float>(code[i]);
          if constexpr (Layout::kMinimums) dst[i] -= minimums[group];
        }
      }
    }
  }
}

// Two halves behind each other.
inline Bytes32 joined(Bytes16 low, Bytes16 high) {
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
                                 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
}

// 32 nibbles of 16 bytes: the low ones are values 0 to 15, the high ones values 16 to 31.
inline Bytes32 nibbles_of(const uint8_t* bytes) {
  const auto nibbles = load_bytes<Bytes16>(bytes);
  return joined(nibbles & 15, nibbles >> 4);
}

// Of 16 numbers those at 32 places, each plus 128.
inline Bytes32 numbers_at(const int8_t (&numbers)[16], Bytes32 places) {
#if defined(__AVX2__)
  const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(numbers)));
  return reinterpret_cast<Bytes32>(_mm256_shuffle_epi8(table, reinterpret_cast<__m256i>(places))) ^ 128;
#else
  Bytes32 found;
  for (size_t i = 0; i < sizeof found; ++i) found[i] = static_cast<uint8_t>(numbers[places[i]]);
  return found ^ 128;
#endif
}

// Fifth bits: bit i is value i's.
inline Bytes32 fifths_of(uint32_t fifth) {
  using Words8 = uint32_t __attribute__((vector_size(32)));
  const auto all = reinterpret_cast<Bytes32>(Words8{fifth, fifth, fifth, fifth, fifth, fifth, fifth, fifth});
  // Byte i / 8 of the word to byte i, there bit i % 8 alone.
  const Bytes32 spread = __builtin_shufflevector(all, all, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 18, 18, 18,
                                                 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 19, 19, 19);
  const Bytes32 bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                        1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  return reinterpret_cast<Bytes32>((spread & bits) == bits) & 16;
}

// 32 of 256 values of two bits in 64 bytes: value 128 h + 32 l + j is in byte 32 h + j from bit 2 l on.
inline Bytes32 quarters_of(const uint8_t* bytes, size_t part) {
  return load_bytes<Bytes32>(bytes + part / 4 * 32) >> static_cast<uint8_t>(part % 4 * 2) & 3;
}

// Eight bytes as floats.
inline Floats8 floats_of(uint64_t bytes) {
#if defined(__AVX2__)
  const __m128i low = _mm_cvtsi64_si128(static_cast<int64_t>(bytes));
  return reinterpret_cast<Floats8>(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(low)));
#else
  using Bytes8 = uint8_t __attribute__((vector_size(8)));
  return __builtin_convertvector(reinterpret_cast<Bytes8>(bytes), Floats8);
#endif
}
// The same, signed.
inline Floats8 signed_floats_of(uint64_t bytes) { return floats_of(bytes ^ 0x8080808080808080) - 128.0f; }

// Halves of eight blocks.
inline Floats8 load_halves(const uint8_t* from, size_t stride) {
#if defined(__F16C__)
  using Halves8 = uint16_t __attribute__((vector_size(16)));
  const auto half = [&](size_t block) { return load_u16(from + block * stride); };
  const Halves8 halves = {half(0), half(1), half(2), half(3), half(4), half(5), half(6), half(7)};
  return reinterpret_cast<Floats8>(_mm256_cvtph_ps(reinterpret_cast<__m128i>(halves)));
#else
  const auto half = [&](size_t block) { return load_half(from + block * stride); };
  return Floats8{half(0), half(1), half(2), half(3), half(4), half(5), half(6), half(7)};
#endif
}

// Scales of 16 groups in nibbles, half above them, in quarters (IQ2_XS, IQ2_S).
inline void unpack_nibble_scales(const uint8_t* bytes, float scale, float* scales) {
  constexpr uint64_t kLow = 0x0F0F0F0F0F0F0F0F;
  const uint64_t nibbles = load_u64(bytes);
  const Floats8 even = scale * (floats_of(nibbles & kLow) + 0.5f) * 0.25f;
  const Floats8 odd = scale * (floats_of(nibbles >> 4 & kLow) + 0.5f) * 0.25f;
  store_bytes(scales, __builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11));
  store_bytes(scales + 8, __builtin_shufflevector(even, odd, 4, 12, 5, 13, 6, 14, 7, 15));
}

// Scales and minimums of eight groups in twelve bytes, six bits each (Q4_K, Q5_K): four whole ones of each, then the
// low nibbles of the rest, whose upper bits those have on top.
inline void unpack_six_bit_scales(const uint8_t* bytes, float scale, float minimum, float* scales, float* minimums) {
  const uint32_t first = load_u32(bytes), second = load_u32(bytes + 4), rest = load_u32(bytes + 8);
  const uint32_t more = (rest & 0x0F0F0F0F) | (first >> 2 & 0x30303030);
  const uint32_t more_minimums = (rest >> 4 & 0x0F0F0F0F) | (second >> 2 & 0x30303030);
  store_bytes(scales, floats_of((first & 0x3F3F3F3F) | uint64_t{more} << 32) * scale);
  store_bytes(minimums, floats_of((second & 0x3F3F3F3F) | uint64_t{more_minimums} << 32) * minimum);
}

}  // namespace
}  // namespace mica::simd
