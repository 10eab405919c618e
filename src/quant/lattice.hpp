// Lattice: the vectors of eight codes that E8P has (QuIP#, arXiv 2402.04396), and which of them is nearest to a vector. Not
// their place in a file: simd/e8p.hpp, whose units are those of the codes here.
#pragma once

#include <cstddef>

namespace mica {

inline constexpr size_t kLatticeColumns = 8;

// The scale of least squared error, in units of a row's root mean square, when values are of a normal distribution.
inline constexpr float kLatticeScale = 0.24f;

// The codes of least squared distance to `values`; returns the square.
float nearest_vector(const float* values, float* codes);

// A quadratic form by which distances count: what differs in eight columns costs others something too.
class LatticeMetric {
 public:
  // `form`: [8][8], symmetric and positive; of columns that are there, others cost nothing.
  void make(const float* form);
  // (values - codes)^T form (values - codes).
  float distance(const float* values, const float* codes) const;
  // Codes near to `values`: of either shift the nearest by plain distance, and from there on as long as a short step leads
  // nearer. Returns their distance. Not always the nearest of all: where the form is that of 16
  // random rows, they cost 2 % more.
  float nearest(const float* values, float* codes) const;

 private:
  float form_[kLatticeColumns * kLatticeColumns];
};

}  // namespace mica
