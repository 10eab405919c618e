// Rounding of eight columns to a vector of a lattice: block LDL, then coordinate descent by vectors. Not which vector is
// nearest: lattice.hpp.
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>

#include "checked.hpp"
#include "rounding.hpp"

namespace mica {

namespace {

constexpr size_t kColumns = kLatticeColumns;
using Form = Eigen::Matrix<float, kColumns, kColumns>;

// What a step has to gain, of what it costs: less is the arithmetic's.
constexpr float kGain = 1e-5f;

}  // namespace

// Of the last ones, which may be fewer than eight, those that are not there cost nothing.
void ColumnRounder::make_vectors() {
  const size_t n = columns_;
  const float* second = moments_->second();
  vectors_.resize(ceil_div(n, kColumns));
  for (size_t first = 0; first < n; first += kColumns) {
    const auto count = static_cast<Eigen::Index>(std::min(kColumns, n - first));
    Form feedback = Form::Identity(), conditional = Form::Zero(), whole = Form::Zero(), inverse = Form::Zero();
    for (Eigen::Index b = 0; b < count; ++b) {
      const size_t column = first + static_cast<size_t>(b);
      conditional(b, b) = conditional_[column];
      for (Eigen::Index a = 0; a < b; ++a) feedback(a, b) = feedback_[column * n + first + static_cast<size_t>(a)];
      for (Eigen::Index a = 0; a < count; ++a)
        whole(a, b) = second[order_[first + static_cast<size_t>(a)] * n + order_[column]] + (a == b ? damping_ : 0);
    }
    const Form steps = feedback * conditional * feedback.transpose();
    Form filled = whole;
    for (Eigen::Index i = count; i < static_cast<Eigen::Index>(kColumns); ++i) filled(i, i) = 1;
    const Eigen::LLT<Form> factor(filled);
    if (factor.info() == Eigen::Success) inverse = factor.solve(Form::Identity());
    VectorForms& forms = vectors_[first / kColumns];
    forms.conditional.make(steps.data());
    forms.whole.make(whole.data());
    std::copy_n(inverse.data(), kColumns * kColumns, forms.inverse);
  }
}

// Rounds the eight columns from the k-th on, or as many as there are left, of one row; how many. What those before them
// leave to one is meant for the errors of the seven others too: with t the targets, c what is left to them and U their
// own feedback, rounding (t - q) U + c away to nothing is the same as rounding t + c U^-1 to q.
size_t ColumnRounder::round_vector(Trials* trials, size_t row, size_t k, size_t begin, const float* carried) const {
  const size_t n = columns_, count = std::min(kColumns, n - k);
  const size_t at = row * n + k;
  const float scale = trials->scale[at], inverse = trials->inverse[at];
  float left[kColumns], values[kColumns] = {}, codes[kColumns];
  for (size_t i = 0; i < count; ++i) {
    left[i] = left_to(*trials, row, k + i, k, begin, carried) - trials->target[at + i];
    for (size_t j = 0; j < i; ++j) left[i] -= feedback_[(k + i) * n + k + j] * left[j];
    values[i] = (trials->target[at + i] + left[i]) * inverse;
  }
  const float distance = vectors_[k / kColumns].conditional.nearest(values, codes);
  trials->cost[row] += static_cast<double>(distance) * scale * scale;
  for (size_t i = 0; i < count; ++i) {
    trials->codes[at + i] = static_cast<int8_t>(codes[i]);
    trials->errors[at + i] = trials->target[at + i] - codes[i] * scale;
  }
  return count;
}

// One pass over a row's vectors, each brought to the one that is best beside the others as they are, or near it. Returns how
// many codes changed.
size_t ColumnRounder::improve_vectors(const Improved& row) const {
  size_t changed = 0;
  for (size_t k = 0; k < columns_; k += kColumns) {
    const size_t count = std::min(kColumns, columns_ - k);
    const VectorForms& forms = vectors_[k / kColumns];
    float codes[kColumns] = {}, pull[kColumns] = {}, wanted[kColumns], others[kColumns];
    for (size_t i = 0; i < count; ++i) {
      const size_t column = order_[k + i];
      codes[i] = row.codes[column];
      pull[i] = row.wanted[column] / row.scale - row.product[column];
    }
    std::copy_n(codes, kColumns, wanted);
    for (size_t j = 0; j < kColumns; ++j)
      for (size_t i = 0; i < kColumns; ++i) wanted[i] += forms.inverse[j * kColumns + i] * pull[j];
    const float least = forms.whole.nearest(wanted, others);
    if (!(least < (1 - kGain) * forms.whole.distance(wanted, codes))) continue;
    for (size_t i = 0; i < count; ++i) changed += set(row, order_[k + i], others[i]);
  }
  return changed;
}

}  // namespace mica
