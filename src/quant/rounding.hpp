// Rounding: float matrices to integers of 4 or 8 bits with a scale an output channel. Not packing (simd/pack.hpp) and
// not the choice of which matrices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compute.hpp"
#include "row_moments.hpp"
#include "status.hpp"

namespace mica {

// The codes that a number of bits has.
struct Grid {
  int low, high;
};

struct RoundedMatrix {
  size_t rows = 0, columns = 0;
  std::vector<int8_t> codes;   // [rows][columns]
  std::vector<float> scale;    // [rows]: weight = scale * code; of either sign
  double error = 0;            // |W X - Q X|^2 and |W X|^2 over the rows of the moments
  double energy = 0;
};

// Rounds each value to the nearest code of its row's best grid. `bits`: 4 (codes -8 to 7) or 8 (-127 to 127).
RoundedMatrix round_nearest(const Compute& compute, const float* weights, size_t rows, size_t columns, int bits);

// |difference X|^2 where `second` are X's second moments: sum over the rows of difference.
double output_energy(const Compute& compute, const float* difference, size_t rows, const RowMoments& moments);

// GPTQ (arXiv 2210.17323) in the form that QuIP (arXiv 2307.13304, section 4) shows to be the same: with H = U D U^T, U
// unit upper triangular, column k is rounded after the errors of the columns before it, times U's column k, were added.
// Columns are taken by falling diagonal of H ("act order"), which costs nothing without groups of scales.
//
// The rounded matrix works on rows x of the quantized model and should give what W gives on rows y of the float model;
// so W is first moved towards the matrix that does this best by (damped) least squares, W + W drift^T H^-1. What comes of
// the columns is then improved by coordinate descent (rounding.cpp).
class ColumnRounder {
 public:
  // Factors the moments; false when they cannot be, even damped more: then round_nearest is what is left.
  bool factor(const RowMoments& moments);
  // Rounds [rows][columns] weights. The error is that against W on the float model's rows, up to the drift's own
  // energy.
  RoundedMatrix round(const Compute& compute, const float* weights, size_t rows, int bits) const;

 private:
  void correct_drift(const Compute& compute, std::vector<float>* weights, size_t rows) const;
  void solve_rows(float* rows, size_t count) const;
  // Rows that are rounded side by side.
  struct Trials {
    size_t count;
    const float* target;  // [count][columns]
    const float* scale;   // [count]
    Grid grid;
    int8_t* codes;        // [count][columns]
    float* errors;        // [count][columns]
    double* cost;         // [count], from zero
  };
  void round_rows(const Trials& trials) const;
  void round_task(const float* target, size_t first, size_t rows, int bits, RoundedMatrix* out) const;
  size_t improve_row(const float* wanted, float scale, const Grid& grid, float* codes, float* product) const;
  void improve(const Compute& compute, const float* target, int bits, RoundedMatrix* out) const;

  const RowMoments* moments_ = nullptr;
  float damping_ = 0;  // what was added to the diagonal of the moments
  size_t columns_ = 0;
  std::vector<uint32_t> order_;    // order_[k]: the column that is rounded k-th
  std::vector<float> lower_;       // [columns][columns] column-major: Cholesky factor of H, reversed and permuted
  std::vector<float> feedback_;    // [columns][columns]: row k holds U[0..k) of column k
  std::vector<float> conditional_; // D
};

}  // namespace mica
