// Allocation: which format each matrix of a stream gets, so that they have a given number of bits a weight on average.
// Not what a format costs a matrix: matrix_trials.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "status.hpp"
#include "weight_format.hpp"

namespace mica {

enum class Allocation : uint8_t {
  error,      // the least sum of measured costs
  influence,  // whole layers, by how much each changes the residual stream (CASP, arXiv 2503.05936)
  uniform,    // all alike, or nearly: what is left of the bits goes to matrices that are evenly spread
};

// The formats that an allocation chooses from, by rising bits; of 2 bits there are two.
using AllocatedFormats = std::array<WeightFormat, 4>;
constexpr AllocatedFormats allocated_formats(WeightFormat two_bits) {
  return {two_bits, WeightFormat::t3, WeightFormat::t4, WeightFormat::s8};
}

struct FormatChoice {
  WeightFormat format;
  double bits;  // of the whole matrix, with scales and tables
  double cost;
  uint32_t rank = 0;  // above 0: two matrices, the first of so many rows in a format of its own (low_rank.hpp)
  WeightFormat first = WeightFormat::floats;
};

struct MatrixChoices {
  std::string name;        // of its tensor
  std::string title;       // "layers.7.down"
  uint32_t layer = 0;
  size_t parameters = 0;
  std::vector<FormatChoice> choices;  // by rising bits
  size_t chosen = 0;
  double sensitivity = 0;  // what the fewest bits cost it whole
};

// What allocation by error is expected to lose, in the units of its costs.
struct ExpectedLoss {
  struct At {
    double bits, loss;
  };
  // What its largest format would take of the average for a matrix, and save.
  struct Raise {
    std::string title;
    WeightFormat format;
    double bits_more, loss_less;
  };
  double loss = 0;            // of what was chosen
  std::vector<At> curve;      // at averages from the fewest bits to the most; empty: costs were not looked at
  std::vector<Raise> raises;  // of the matrices that cost most, by falling gain
};

// Everything that a packed matrix takes in a file, in bits.
double packed_bits(WeightFormat format, size_t rows, size_t columns);

// Sets what is chosen; `influence`: of each layer. Error: invalid_argument for fewer bits than the smallest formats
// have.
Status allocate(Allocation how, double bits_mean, const std::vector<double>& influence,
                std::vector<MatrixChoices>* matrices);

ExpectedLoss expected_loss(const std::vector<MatrixChoices>& matrices);

}  // namespace mica
