// How the weights of a linear layer are stored and run. Not where their integers lie: simd/formats/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dtype.hpp"

namespace mica {

enum class WeightFormat : uint8_t {
  floats,  // rows of a DType, multiplied in float
  // Integers in panels, multiplied by static int8 activations: simd/lists/weight_formats.inc.
#define MICA_WEIGHT_FORMAT(format, ...) format,
#include "weight_formats.inc"
};

struct WeightFormatFacts {
  const char* tag;        // in packed files
  const char* name;       // for people, with the bits of the activations
  DType dtype;            // of the panels in a packed file
  int bits;
  int code_min, code_max;  // that the quantizer writes
  size_t levels;           // of its table, 0: none
  size_t group;            // inputs that share a multiplier, 0: there are no multipliers

  // Whether its levels are pairs, each for two inputs.
  constexpr bool pairs() const { return levels > 0 && levels == size_t{2} << 2 * bits; }
  // Whether eight inputs have a code together, of the vectors of a lattice.
  constexpr bool lattice() const { return levels == 0 && code_max >= 1 << bits; }
  // Inputs whose integers are chosen together.
  constexpr size_t together() const { return lattice() ? 8 : pairs() ? 2 : 1; }
};
inline constexpr size_t kLevelsMax = 32;
inline constexpr int kMultiplierMax = 15;

// By WeightFormat.
inline constexpr WeightFormatFacts kWeightFormats[] = {
    {"", "f16", DType::f16, 16, 0, 0, 0, 0},
#define MICA_WEIGHT_FORMAT(format, name, type, bits, code_min, code_max, levels, group) \
  {#format, name, DType::type, bits, code_min, code_max, levels, group},
#include "weight_formats.inc"
};

constexpr const WeightFormatFacts& facts_of(WeightFormat format) {
  return kWeightFormats[static_cast<size_t>(format)];
}

// The levels that the quantizer takes, nearly those of least squared error for values of a normal distribution, which
// rotated weights have; of 4 bits also the widest of which six pairs of products fit 16 bits (gemm_words_inl.hpp),
// of fewer bits eight.
inline constexpr int8_t kLevels16[] = {-21, -16, -13, -10, -7, -5, -3, -1, 1, 3, 5, 7, 10, 13, 16, 21};
inline constexpr int8_t kLevels8[] = {-8, -5, -3, -1, 1, 3, 5, 8};
inline constexpr int8_t kLevelPairs[] = {-1, -1, -6, 8,  3, -4, -3, 4,  0, -3, 3, -7, 4,  1,  8, -8,
                                         -7, 4,  -6, -3, 7, 1,  8,  -7, 0, -3, 3, 4,  -1, -3, 3, -1};

// Null for a format without.
constexpr const int8_t* levels_of(WeightFormat format) {
  switch (facts_of(format).levels) {
    case 8: return kLevels8;
    case 16: return kLevels16;
    case 32: return kLevelPairs;
    default: return nullptr;
  }
}

// The format of a tag or of a name; false when there is none.
inline bool weight_format_of(std::string_view text, const char* WeightFormatFacts::*word, WeightFormat* out) {
  for (const WeightFormatFacts& facts : kWeightFormats)
    if (text == facts.*word) {
      *out = static_cast<WeightFormat>(&facts - kWeightFormats);
      return true;
    }
  return false;
}

}  // namespace mica
