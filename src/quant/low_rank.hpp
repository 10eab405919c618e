// LowRank: a query or key matrix as the product of two of fewer weights, W = A B (CASP, arXiv 2503.05936). Not how
// either is rounded, and not whether it pays: matrix_trials.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "parts.hpp"
#include "row_moments.hpp"
#include "weight_format.hpp"
#include "weights.hpp"

namespace mica {

// Which query and key matrices of the decoder become two.
struct LowRank {
  double keep = 0;         // the share of their weights that both together have; 0: none becomes two
  bool automatic = false;  // of each, where bits are allotted by error, what that allocation finds best
};

// The shares that `automatic` tries.
inline constexpr double kKeptShares[] = {0.5, 0.25};

// Rows of the first of two matrices that together have that share of the weights; 0 where there is no such pair.
uint32_t rank_of(double keep, size_t rows, size_t columns);
// Whether the matrix of a slot may be two: a query's or a key's, beside which visual rows have no other.
bool may_be_factored(const LayerWeights& layer, Slot slot);
// The most rows that first factors of these layers have.
size_t factor_width(const LowRank& how, const std::vector<LayerWeights>& layers);

// The format of a first factor beside a second one. All that rounding takes from the first is lost to the second, whose
// inputs its rows are: with fewer than four bits it loses more than it saves.
constexpr WeightFormat first_format(WeightFormat second) {
  return facts_of(second).bits < facts_of(WeightFormat::t4).bits ? WeightFormat::t4 : second;
}

struct Factors {
  size_t rank = 0;
  std::vector<float> first;   // [rank][columns]
  std::vector<float> second;  // [rows][rank]
  double energy = 0;          // |W X|^2 over the rows X of the moments
  double lost = 0;            // |(W - A B) X|^2
  // Of what rounding the second to the nearest loses, the share that rounding by columns is expected to leave.
  double share_left = 1;
};

// The factors of a rank by which least of W X is lost: with H = X X^T and the first `rank` eigenvectors A of W H W^T,
// B = A^T W. It is the SVD of W L cut off, H = L L^T, times L^-1, without either. What B gives is rotated, so that
// its channels are alike and one scale suits them; A is rotated back. False where there are no such eigenvectors.
[[nodiscard]] bool factor_matrix(const float* weights, size_t rows, size_t columns, const RowMoments& moments,
                                 size_t rank, bool rotate, Factors* out);

}  // namespace mica
