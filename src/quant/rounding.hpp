// Rounding: float matrices to the integers of a weight format with a scale an output channel. Not the grids that there
// are (grid.hpp), not packing (matrix.hpp) and not the choice of which matrices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compute.hpp"
#include "grid.hpp"
#include "row_moments.hpp"
#include "status.hpp"

namespace mica {

struct RoundedMatrix {
  size_t rows = 0, columns = 0;
  std::vector<int8_t> codes;         // [rows][columns]
  std::vector<float> scale;          // [rows]: weight = scale * multiplier * code; of either sign
  size_t group = 0;                  // columns that share a multiplier, 0: there are none
  std::vector<uint8_t> multipliers;  // [rows][groups]
  // What the integers of a row stand for.
  float weight(size_t row, size_t column) const {
    const auto code = static_cast<float>(codes[row * columns + column]);
    if (group == 0) return scale[row] * code;
    const size_t groups = multipliers.size() / rows;
    return scale[row] * (static_cast<float>(multipliers[row * groups + column / group]) * code);
  }
  double error = 0;            // |W X - Q X|^2 and |W X|^2 over the rows of the moments
  double energy = 0;
};

// Rounds each value to the nearest code of its row's best grid.
RoundedMatrix round_nearest(const Compute& compute, const float* weights, size_t rows, size_t columns,
                            const Grid& grid);

// |difference X|^2 where `second` are X's second moments: sum over the rows of difference.
double output_energy(const Compute& compute, const float* difference, size_t rows, const RowMoments& moments);

// GPTQ (arXiv 2210.17323) in the form that QuIP (arXiv 2307.13304, section 4) shows to be the same: with H = U D U^T, U
// unit upper triangular, column k is rounded after the errors of the columns before it, times U's column k, were added.
// Columns are taken by falling diagonal of H ("act order"), those of a pair after each other; it costs nothing, since
// scales are fixed before. The eight of a lattice's vector are one step of the same (block LDL, QuIP#, arXiv 2402.04396).
//
// The rounded matrix works on rows x of the quantized model and should give what W gives on rows y of the float model;
// so W is first moved towards the matrix that does this best by (damped) least squares, W + W drift^T H^-1. What comes
// of the columns is then improved by coordinate descent (rounding.cpp).
class ColumnRounder {
 public:
  // Factors the moments, for grids of which so many columns are rounded together; false when they cannot be, even damped
  // more: then round_nearest is what is left.
  bool factor(const RowMoments& moments, size_t together = 1, bool few_bits = false);
  // The share of the error of rounding to the nearest that is expected to be left: mean D over the mean diagonal of H.
  double share_left() const;
  // Rounds [rows][columns] weights. The error is that against W on the float model's rows, up to the drift's own
  // energy.
  RoundedMatrix round(const Compute& compute, const float* weights, size_t rows, const Grid& grid) const;

 private:
  void correct_drift(const Compute& compute, std::vector<float>* weights, size_t rows) const;
  void solve_rows(float* rows, size_t count) const;
  // Rows that are rounded side by side, their columns in order.
  struct Trials {
    size_t count;
    const NearestCode& nearest;
    std::vector<float> target, scale, inverse;  // [count][columns]; the inverse of a scale of 0 is 0
    std::vector<int8_t> codes;                  // [count][columns]
    std::vector<float> errors;                  // [count][columns]
    std::vector<double> cost;                   // [count]
  };
  // A row while it is improved, its columns as they come: weight = scale * factor * code.
  struct Improved {
    const NearestCode& nearest;
    const float* wanted;          // H times the row that is rounded
    float scale;
    std::vector<float>& factors;  // [columns]: the multipliers, or ones
    float* codes;                 // [columns]
    float* product;               // [columns]: H times factors and codes
  };
  // What distances of eight columns' codes cost, and the least of it.
  struct VectorForms {
    LatticeMetric conditional;  // U D U^T of their own: with what rounding them leaves to others already paid for
    LatticeMetric whole;        // H of their own, while all others stay ...
    float inverse[kLatticeColumns * kLatticeColumns];  // ... and its inverse
  };
  void order_columns(size_t together);
  void make_vectors();
  bool has_pair(size_t k) const {
    return together_ == 2 && k + 1 < columns_ && (order_[k] ^ order_[k + 1]) == kPairDistance;
  }
  void round_rows(Trials* trials) const;
  float left_to(const Trials& trials, size_t row, size_t column, size_t k, size_t begin, const float* carried) const;
  size_t round_vector(Trials* trials, size_t row, size_t k, size_t begin, const float* carried) const;
  size_t round_column(Trials* trials, size_t row, size_t k, size_t begin, const float* carried) const;
  void round_task(const float* target, size_t first, size_t rows, const NearestCode& nearest, RoundedMatrix* out) const;
  void move(const Improved& row, size_t column, float step) const;
  bool set(const Improved& row, size_t column, float code) const;
  size_t improve_vectors(const Improved& row) const;
  size_t improve_codes(const Improved& row) const;
  size_t improve_multipliers(const Improved& row) const;
  double improve_row(const Improved& row, const float* target, float* scale) const;
  void improve(const Compute& compute, const float* target, const NearestCode& nearest, RoundedMatrix* out) const;

  const RowMoments* moments_ = nullptr;
  // As in simd/formats/p2_inl.hpp: the columns of a pair differ in this bit.
  static constexpr uint32_t kPairDistance = 4;
  size_t together_ = 1;
  float damping_ = 0;  // what was added to the diagonal of the moments
  size_t columns_ = 0;
  std::vector<uint32_t> order_;    // order_[k]: the column that is rounded k-th
  std::vector<float> lower_;       // [columns][columns] column-major: Cholesky factor of H, reversed and permuted
  std::vector<float> feedback_;    // [columns][columns]: row k holds U[0..k) of column k
  std::vector<float> conditional_; // D
  std::vector<VectorForms> vectors_;  // of each eight in order, where these are rounded together
};

}  // namespace mica
