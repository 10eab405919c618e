// What a type's file in stored/ says: how its blocks lie, or how its plain values widen. Rows as floats and products
// are derived from it. Not the list of types: lists/stored_types.inc.
#pragma once

#include <cstring>

#include "float_kernels.hpp"
#include "float_storage.hpp"

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

// A specialization for each type. Of blocks:
//   kGroup                                      values that share a scale; divides the block and is a multiple of 16
//   kMinimums                                   whether something is subtracted from a group's values
//   unpack(block, codes, scales, minimums)      the integers of a block, and the floats of its groups
// Value i is scales[i / kGroup] * codes[i] - minimums[i / kGroup], the product and the difference rounded as floats.
// Of plain values: kGroup = 0 and widen(dst, src, n).
template <StoredType kType>
struct StoredLayout;

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
      Layout::unpack(src, codes, scales, minimums);
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

inline uint32_t load_u32(const uint8_t* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

inline float load_half(const uint8_t* bytes) { return widen_half(load_u16(bytes)); }

// Bytes that compilers keep in whatever vectors a level has.
using Bytes16 = uint8_t __attribute__((vector_size(16)));
using Bytes32 = uint8_t __attribute__((vector_size(32)));

template <class Vector>
inline Vector load_bytes(const void* from) {
  Vector bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}
template <class Vector>
inline void store_codes(int8_t* codes, Vector bytes) {
  std::memcpy(codes, &bytes, sizeof bytes);
}

// 32 nibbles of 16 bytes: the low ones are values 0 to 15, the high ones values 16 to 31.
inline void unpack_nibbles(const uint8_t* bytes, int8_t* codes, int offset) {
  const auto nibbles = load_bytes<Bytes16>(bytes);
  const auto less = static_cast<uint8_t>(offset);
  store_codes<Bytes16>(codes, (nibbles & 15) - less);
  store_codes<Bytes16>(codes + 16, (nibbles >> 4) - less);
}

// The same with fifth bits: bit i is value i's.
inline void unpack_five_bits(const uint8_t* bytes, uint32_t fifth, int8_t* codes, int offset) {
  uint64_t spread[4];
  for (size_t part = 0; part < 4; ++part) {
    // Bit i of a byte into byte i, then any bit that is set into the fifth.
    const uint64_t apart = (fifth >> 8 * part & 255) * 0x0101010101010101u & 0x8040201008040201u;
    spread[part] = (apart + 0x7F7F7F7F7F7F7F7Fu) >> 3 & 0x1010101010101010u;
  }
  unpack_nibbles(bytes, codes, 0);
  const auto all = load_bytes<Bytes32>(codes) | load_bytes<Bytes32>(spread);
  store_codes<Bytes32>(codes, all - static_cast<uint8_t>(offset));
}

// Nibbles of 16 bytes, likewise, of numbers in a table.
inline void look_up_nibbles(const uint8_t* bytes, int8_t* codes, const int8_t* table) {
  for (size_t j = 0; j < 16; ++j) {
    codes[j] = table[bytes[j] & 15];
    codes[16 + j] = table[bytes[j] >> 4];
  }
}

// 256 values of two bits in 64 bytes: value 128 h + 32 l + j is in byte 32 h + j from bit 2 l on.
inline void unpack_quarters(const uint8_t* bytes, int8_t* codes, int offset) {
  const auto less = static_cast<uint8_t>(offset);
  for (size_t half = 0; half < 2; ++half, codes += 128) {
    const auto four = load_bytes<Bytes32>(bytes + 32 * half);
    store_codes<Bytes32>(codes, (four & 3) - less);
    store_codes<Bytes32>(codes + 32, (four >> 2 & 3) - less);
    store_codes<Bytes32>(codes + 64, (four >> 4 & 3) - less);
    store_codes<Bytes32>(codes + 96, (four >> 6) - less);
  }
}

// Scales and minimums of eight groups in twelve bytes, six bits each (Q4_K, Q5_K).
inline void unpack_six_bit_scales(const uint8_t* bytes, float scale, float minimum, float* scales, float* minimums) {
  for (size_t g = 0; g < 8; ++g) {
    const int low = g < 4 ? bytes[g] & 63 : (bytes[g + 4] & 15) | bytes[g - 4] >> 6 << 4;
    const int high = g < 4 ? bytes[g + 4] & 63 : bytes[g + 4] >> 4 | bytes[g] >> 6 << 4;
    scales[g] = scale * static_cast<float>(low);
    minimums[g] = minimum * static_cast<float>(high);
  }
}

}  // namespace
}  // namespace mica::simd
