// PointQuantizer: one quant point and the matrices that read it: measures the rows of both streams, fixes the scales,
// rounds and packs the matrices. Not the order of the points: quantize.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "calibration_rows.hpp"
#include "massive_rows.hpp"
#include "packed_tensors.hpp"
#include "quantize.hpp"
#include "rounding.hpp"
#include "row_moments.hpp"
#include "row_ranges.hpp"
#include "weights.hpp"

namespace mica {

// A matrix that reads the point.
struct ReadingMatrix {
  std::string report_name;         // "layers.7.down"
  std::string tensor_name;         // in the file, without ".weight"
  const Matrix* original;          // as the checkpoint has it, for the report
  const Matrix* reference;         // float, in the space of the static format
  Matrix* quantized;               // becomes the packed one
  WeightFormat format;
  double sensitivity = 0;          // for the report
};

// Shows an item's rows to an observer by running what leads to the point.
using ShowRows = std::function<Status(size_t item, Stream stream, RowObserver* observer)>;

struct PointJob {
  std::string name;
  QuantPoint* point;               // gets the scales
  size_t items;
  ShowRows show;
  // Told the moments of the rows before any matrix is rounded: it may make the references. Empty: they are there.
  std::function<Status(const RowMoments&)> prepare;
  bool same_rows = false;          // both streams have the same rows: the quantized one is shown alone
  bool online = false;             // the point before `down`: RMS and kept channels are possible ...
  const RowRotation* rotation = nullptr;  // ... and this rotates its rows; null: nothing does
  std::vector<ReadingMatrix> matrices;
};

class PointQuantizer {
 public:
  // All are borrowed. Panels and scales live in `memory`.
  PointQuantizer(const QuantizeOptions& options, const Compute& compute, OwnedBytes* memory, PackedTensors* tensors,
                 QuantizeReport* report)
      : options_(options), compute_(compute), memory_(memory), tensors_(tensors), report_(report) {}

  Status run(const PointJob& job);
  // A matrix of the vocabulary by itself, to the nearest, without rows. `column_factors` are multiplied into it first
  // (null: ones), then its rows are rotated if `stream` says so.
  Status round_alone(const ReadingMatrix& matrix, const float* column_factors, const StreamTransform& stream);

 private:
  Status keep_floats(const PointJob& job);
  Status collect(const PointJob& job, RowMoments* moments, RowRanges* ranges, MassiveRows* massive);
  Status collect_without(const PointJob& job, const std::vector<uint32_t>& channels, RowRanges* ranges);
  void fix_scales(const PointJob& job, const RowRanges& ranges, bool suppressed);
  Status round(const PointJob& job, const ReadingMatrix& matrix, const ColumnRounder* rounder,
               const RowMoments& moments, bool suppressed, const std::vector<uint32_t>& kept);
  // What is taken out of a matrix before it is rounded.
  struct FloatTerms {
    const float* rank1 = nullptr;            // [rows]
    std::vector<uint32_t> kept_channels;
    std::vector<float> kept;                 // [channels][rows padded to 16]
  };
  Status install(const ReadingMatrix& matrix, const RoundedMatrix& rounded, const float* bias,
                 const FloatTerms& terms);
  Status install_kept(const ReadingMatrix& matrix, const FloatTerms& terms);
  const float* keep(const float* values, size_t count);

  const QuantizeOptions& options_;
  const Compute& compute_;
  OwnedBytes* memory_;
  PackedTensors* tensors_;
  QuantizeReport* report_;
};

}  // namespace mica
