// PointQuantizer: statistics, then rounding, then panels. The arithmetic: row_moments.hpp, rounding.hpp.
#include "point_quantizer.hpp"

#include <cmath>
#include <cstring>

#include "pack.hpp"
#include "static_format.hpp"
#include "transform.hpp"

namespace mica {
namespace {

// Channel 0 of a rotated input is kept out of the integers where it makes their range this much larger, in the weights
// (mean over the rows) or in the activations: a tenth is what another bit in ten would buy.
constexpr double kSuppressFrom = 1.1;

// The rows of one point of one item, copied behind each other.
class RowCapture : public RowObserver {
 public:
  explicit RowCapture(uint32_t point) : point_(point) {}
  bool observe(const QuantPoint& point, const float* rows, size_t stride, size_t rows_here, size_t visual_here,
               size_t width) override {
    if (point.index != point_) return true;
    for (size_t r = 0; r < rows_here; ++r) values.insert(values.end(), rows + r * stride, rows + r * stride + width);
    count += rows_here;
    visual += visual_here;
    return false;
  }
  std::vector<float> values;
  size_t count = 0, visual = 0;

 private:
  uint32_t point_;
};

struct Outlier {
  double with = 0, without = 0;  // mean over rows of max |w| / rms, of all columns and of those behind the first
};

Outlier outlier_of(const float* row, size_t columns) {
  double squares = 0;
  float rest = 0;
  for (size_t i = 0; i < columns; ++i) {
    squares += static_cast<double>(row[i]) * row[i];
    if (i > 0) rest = std::max(rest, std::fabs(row[i]));
  }
  if (squares == 0) return {};
  const double scale = std::sqrt(static_cast<double>(columns) / squares);
  return {std::max(rest, std::fabs(row[0])) * scale, rest * scale};
}

Outlier mean_outlier(const Matrix& matrix) {
  const simd::FloatKernels& kernels = *simd::kernels_at(simd::Level::scalar)->f32;
  std::vector<float> row(matrix.columns);
  Outlier sum;
  for (size_t r = 0; r < matrix.rows; ++r) {
    widen_matrix_row(kernels, matrix, r, row.data());
    const Outlier one = outlier_of(row.data(), matrix.columns);
    sum.with += one.with / static_cast<double>(matrix.rows);
    sum.without += one.without / static_cast<double>(matrix.rows);
  }
  return sum;
}

std::vector<float> quantiles_of(const RowRange& range) {
  std::vector<float> out;
  if (range.seen())
    for (const double share : kReportQuantiles) out.push_back(range.quantile(share));
  return out;
}

bool suppression_helps(const Outlier& weights, const RowRanges& ranges) {
  const auto ratio = [](float whole, float rest) { return rest > 0 ? whole / rest : 1.0f; };
  return weights.with > kSuppressFrom * weights.without ||
         ratio(ranges.max_visual(false), ranges.max_visual(true)) > kSuppressFrom ||
         ratio(ranges.max_text(false), ranges.max_text(true)) > kSuppressFrom;
}

}  // namespace

Status PointQuantizer::collect(const PointJob& job, RowMoments* moments, RowRanges* ranges) {
  for (size_t item = 0; item < job.items; ++item) {
    RowCapture rows(job.point->index), reference(job.point->index);
    MICA_TRY(job.show(item, Stream::quantized, &rows));
    if (rows.count == 0) continue;
    const size_t width = rows.values.size() / rows.count;
    for (const float value : rows.values)
      if (!std::isfinite(value))
        return Status::error(Code::invalid_argument, "%s: an activation is not a finite number; the weights before it are too large",
                             job.name.c_str());
    ranges->add(rows.values.data(), rows.count, rows.visual, width);
    if (moments == nullptr) continue;
    if (!job.same_rows) MICA_TRY(job.show(item, Stream::reference, &reference));
    moments->add(compute_, rows.values.data(), job.same_rows ? rows.values.data() : reference.values.data(), rows.count);
  }
  if (moments != nullptr) moments->finish(compute_);
  return Status::ok();
}

void PointQuantizer::fix_scales(const PointJob& job, const RowRanges& ranges, bool suppressed) {
  float visual = ranges.max_visual(suppressed);
  float text = ranges.max_text(suppressed);
  PointReport report;
  report.name = job.name;
  report.max_visual = visual;
  report.max_text = text;
  if (visual == 0 || !options_.msq) visual = std::max(visual, text);
  if (text == 0 || !options_.msq) text = std::max(visual, text);
  job.point->scale_visual = visual > 0 ? visual / 127.0f : 1.0f;
  job.point->scale_text = text > 0 ? text / 127.0f : 1.0f;
  report.scale_visual = job.point->scale_visual;
  report.scale_text = job.point->scale_text;
  report.visual = quantiles_of(ranges.visual);
  report.text = quantiles_of(ranges.text);
  report_->points.push_back(std::move(report));
}

Status PointQuantizer::measure(const PointJob& job) {
  RowRanges ranges;
  MICA_TRY(collect(job, nullptr, &ranges));
  fix_scales(job, ranges, false);
  return Status::ok();
}

Status PointQuantizer::run(const PointJob& job) {
  const size_t width = job.matrices[0].reference->columns;
  const int bits = job.storage == QuantStorage::w4a8 ? 4 : 8;
  RowMoments moments;
  RowRanges ranges;
  MICA_TRY(moments.create(width));
  MICA_TRY(collect(job, &moments, &ranges));
  std::vector<Outlier> outliers;
  for (const ReadingMatrix& matrix : job.matrices) outliers.push_back(mean_outlier(*matrix.reference));
  const bool suppressed = options_.rms && job.suppressible && suppression_helps(outliers[0], ranges);
  if (suppressed) moments.clear_channel(0);
  fix_scales(job, ranges, suppressed);
  ColumnRounder rounder;
  const bool by_columns = options_.rounding == Rounding::gptq && rounder.factor(moments);
  for (size_t i = 0; i < job.matrices.size(); ++i) {
    const ReadingMatrix& matrix = job.matrices[i];
    const size_t rows = matrix.reference->rows;
    std::vector<float> weights(float_row(*matrix.reference, 0), float_row(*matrix.reference, 0) + rows * width);
    std::vector<float> rank1(suppressed ? rows : 0);
    for (size_t r = 0; r < rank1.size(); ++r) std::swap(rank1[r], weights[r * width]);
    RoundedMatrix rounded = by_columns ? rounder.round(compute_, weights.data(), rows, bits)
                                       : round_nearest(compute_, weights.data(), rows, width, bits);
    if (!by_columns) {
      rounded.energy = output_energy(compute_, weights.data(), rows, moments);
      for (size_t k = 0; k < rows * width; ++k) weights[k] -= rounded.scale[k / width] * static_cast<float>(rounded.codes[k]);
      rounded.error = output_energy(compute_, weights.data(), rows, moments);
    }
    report_->layers.push_back({.name = matrix.report_name,
                               .storage = job.storage,
                               .rows = rows,
                               .columns = width,
                               .error = rounded.energy > 0 ? rounded.error / rounded.energy : 0,
                               .outlier = mean_outlier(*matrix.original).with,
                               .outlier_rotated = outliers[i].with,
                               .outlier_suppressed = suppressed ? outliers[i].without : outliers[i].with,
                               .suppressed = suppressed,
                               .fallback = options_.rounding == Rounding::gptq && !by_columns});
    MICA_TRY(install(matrix, rounded, job.storage, matrix.reference->bias, suppressed ? rank1.data() : nullptr));
  }
  return Status::ok();
}

Status PointQuantizer::round_alone(const ReadingMatrix& matrix, QuantStorage storage) {
  const Matrix& source = *matrix.original;
  std::vector<float> weights(source.rows * source.columns);
  const simd::FloatKernels& kernels = *compute_.kernels->f32;
  parallel_for(compute_, source.rows, [&](size_t r, int) { widen_matrix_row(kernels, source, r, weights.data() + r * source.columns); });
  for (const float weight : weights)
    if (!std::isfinite(weight))
      return Status::error(Code::invalid_argument, "%s: a weight is not a finite number", matrix.report_name.c_str());
  const RoundedMatrix rounded = round_nearest(compute_, weights.data(), source.rows, source.columns, storage == QuantStorage::w4a8 ? 4 : 8);
  const double outlier = mean_outlier(source).with;
  double error = 0, energy = 0;
  for (size_t k = 0; k < weights.size(); ++k) {
    const double difference = weights[k] - rounded.scale[k / source.columns] * static_cast<float>(rounded.codes[k]);
    error += difference * difference;
    energy += static_cast<double>(weights[k]) * weights[k];
  }
  report_->layers.push_back({.name = matrix.report_name,
                             .storage = storage,
                             .rows = source.rows,
                             .columns = source.columns,
                             .error = energy > 0 ? error / energy : 0,
                             .outlier = outlier,
                             .outlier_rotated = outlier,
                             .outlier_suppressed = outlier});
  return install(matrix, rounded, storage, source.bias, nullptr);
}

// The packed matrix in memory and in the file.
Status PointQuantizer::install(const ReadingMatrix& matrix, const RoundedMatrix& rounded, QuantStorage storage,
                               const float* bias, const float* rank1) {
  const bool nibbles = storage == QuantStorage::w4a8;
  const size_t columns = rounded.columns;
  const size_t panels = simd::panel_count(rounded.rows);
  const size_t panel_bytes = nibbles ? simd::u4_panel_bytes(columns) : simd::s8_panel_bytes(columns);
  uint8_t* data = own_bytes(panels * panel_bytes, memory_);
  const auto keep = [&](const float* values) -> const float* {
    if (values == nullptr) return nullptr;
    uint8_t* copy = own_bytes(rounded.rows * sizeof(float), memory_);
    if (copy != nullptr) std::memcpy(copy, values, rounded.rows * sizeof(float));
    return reinterpret_cast<const float*>(copy);
  };
  const float* scale = keep(rounded.scale.data());
  const float* kept_bias = keep(bias);
  const float* kept_rank1 = keep(rank1);
  if (data == nullptr || scale == nullptr || (bias && !kept_bias) || (rank1 && !kept_rank1))
    return Status::error(Code::out_of_memory, "no memory for the panels of %s", matrix.report_name.c_str());
  if (nibbles) simd::pack_u4(data, rounded.codes.data(), columns, columns, rounded.rows);
  else simd::pack_s8(data, rounded.codes.data(), columns, columns, rounded.rows);
  *matrix.quantized = {.rows = rounded.rows,
                       .columns = columns,
                       .layout = nibbles ? MatrixLayout::panels_u4 : MatrixLayout::panels_s8,
                       .data = data,
                       .stride_bytes = panel_bytes,
                       .bias = kept_bias,
                       .scale = scale,
                       .rank1 = kept_rank1};
  tensors_->add(matrix.tensor_name + ".weight", nibbles ? DType::u8 : DType::i8, {panels, panel_bytes}, {data, panels * panel_bytes});
  MICA_TRY(tensors_->add_floats(matrix.tensor_name + static_format::kScaleSuffix, scale, rounded.rows));
  if (rank1) MICA_TRY(tensors_->add_floats(matrix.tensor_name + static_format::kRank1Suffix, rank1, rounded.rows));
  return bias ? tensors_->add_floats(matrix.tensor_name + ".bias", bias, rounded.rows) : Status::ok();
}

}  // namespace mica
