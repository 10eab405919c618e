// LowRank: principal components of what a matrix gives. The decomposition: Eigen.
#include "low_rank.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "row_rotation.hpp"
#include "static_format.hpp"

namespace mica {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Index index(size_t value) { return static_cast<Eigen::Index>(value); }

// As of a matrix whose columns are taken as they come (ColumnRounder::share_left).
double share_left(const Eigen::MatrixXd& moments) {
  constexpr double kDamping = 0.01;
  const double mean = moments.trace() / static_cast<double>(moments.rows());
  Eigen::MatrixXd damped = moments;
  damped.diagonal().array() += kDamping * mean;
  const Eigen::LLT<Eigen::MatrixXd> cholesky(damped);
  if (!(mean > 0) || cholesky.info() != Eigen::Success) return 1;
  return Eigen::MatrixXd(cholesky.matrixL()).diagonal().squaredNorm() / damped.trace();
}

}  // namespace

uint32_t rank_of(double keep, size_t rows, size_t columns) {
  if (!(keep > 0) || rows == 0 || columns == 0) return 0;
  const double weights = static_cast<double>(rows) * static_cast<double>(columns);
  const auto rank = static_cast<size_t>(keep * weights / static_cast<double>(rows + columns));
  const size_t whole = rank / static_format::kRankStep * static_format::kRankStep;
  return whole < std::min(rows, columns) ? static_cast<uint32_t>(whole) : 0;
}

bool may_be_factored(const LayerWeights& layer, Slot slot) {
  return (slot == Slot::query || slot == Slot::key) && layer.matrices[slot].rows != 0 &&
         layer.matrices[visual_slot(slot)].rows == 0;
}

size_t factor_width(const LowRank& how, const std::vector<LayerWeights>& layers) {
  const double keep = how.automatic ? *std::max_element(std::begin(kKeptShares), std::end(kKeptShares)) : how.keep;
  size_t width = 0;
  for (const LayerWeights& layer : layers)
    for (const Slot slot : {Slot::query, Slot::key})
      if (may_be_factored(layer, slot))
        width = std::max<size_t>(width, rank_of(keep, layer.matrices[slot].rows, layer.matrices[slot].columns));
  return width;
}

bool factor_matrix(const float* weights, size_t rows, size_t columns, const RowMoments& moments, size_t rank,
                   bool rotate, Factors* out) {
  const Eigen::Map<const RowMajor> w(weights, index(rows), index(columns));
  const Eigen::Map<const RowMajor> h(moments.second(), index(columns), index(columns));
  const RowMajor shown = w * h;
  const Eigen::MatrixXd given = (shown * w.transpose()).cast<double>();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(given);
  if (solver.info() != Eigen::Success) return false;
  // Eigenvalues rise: the last are the largest.
  const Eigen::VectorXd energies = solver.eigenvalues().cwiseMax(0.0);
  out->rank = rank;
  out->energy = energies.sum();
  out->lost = energies.head(index(rows - rank)).sum();
  out->first.resize(rank * columns);
  out->second.resize(rows * rank);
  Eigen::Map<RowMajor> first(out->first.data(), index(rank), index(columns));
  Eigen::Map<RowMajor> second(out->second.data(), index(rows), index(rank));
  second = solver.eigenvectors().rightCols(index(rank)).cast<float>();
  RowRotation rotation;
  if (rotate && rotation.make(rank))
    for (size_t r = 0; r < rows; ++r) rotation.rotate(out->second.data() + r * rank);
  first.noalias() = second.transpose() * w;
  const Eigen::MatrixXd a = second.cast<double>();
  out->share_left = share_left(a.transpose() * given * a);
  return true;
}

}  // namespace mica
