// FactoredPoint: query and key matrices that become two while the point before them is quantized: the first in their
// place there, the second behind a point of its own. Not the factors: low_rank.hpp.
#pragma once

#include <memory>
#include <vector>

#include "allocation.hpp"
#include "low_rank.hpp"
#include "point_quantizer.hpp"

namespace mica {

class FactoredPoint {
 public:
  // `quantized` gets the factors, whose points have indices from `first_index` on as long as the model is quantized.
  FactoredPoint(const Compute& compute, bool rotate, uint32_t first_index, LayerWeights* quantized)
      : compute_(compute), rotate_(rotate), first_index_(first_index), quantized_(quantized) {}

  // Puts the first factor of `matrix`, which `slot` has, among those that read the job's point.
  void take(Slot slot, const FormatChoice& storage, const ReadingMatrix& matrix, PointJob* job);
  // Behind the job: the second factors. In the report both are one matrix, with what was cut off among its errors.
  Status finish(const PointJob& job, PointQuantizer* quantizer, QuantizeReport* report);

 private:
  struct Pair {
    Slot slot;
    FormatChoice storage;
    ReadingMatrix whole;
    Factors factors;
    Matrix first, second;  // of the factors' floats
  };
  Status factor(const RowMoments& moments);
  Status finish(const Pair& pair, const PointJob& job, PointQuantizer* quantizer);

  Compute compute_;
  bool rotate_;
  uint32_t first_index_;
  LayerWeights* quantized_;
  std::vector<std::unique_ptr<Pair>> pairs_;  // where they are, jobs point
};

}  // namespace mica
