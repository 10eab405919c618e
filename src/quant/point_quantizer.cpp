// PointQuantizer: statistics, then rounding, then panels. The arithmetic: row_moments.hpp, rounding.hpp.
#include "point_quantizer.hpp"

#include <cmath>
#include <cstring>

#include "checked.hpp"
#include "enter.hpp"
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

int bits_of(QuantStorage storage) { return storage == QuantStorage::w4a8 ? 4 : 8; }

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

const simd::RotateKernels& rotations() { return *simd::kernels_at(simd::Level::scalar)->rotate; }

// What rounding to the nearest costs; `weights` are used up.
void measure_error(const Compute& compute, std::vector<float>* weights, const RowMoments& moments,
                   RoundedMatrix* rounded) {
  rounded->energy = output_energy(compute, weights->data(), rounded->rows, moments);
  for (size_t k = 0; k < weights->size(); ++k)
    (*weights)[k] -= rounded->scale[k / rounded->columns] * static_cast<float>(rounded->codes[k]);
  rounded->error = output_energy(compute, weights->data(), rounded->rows, moments);
}

bool suppression_helps(const Outlier& weights, const RowRanges& ranges) {
  const auto ratio = [](float whole, float rest) { return rest > 0 ? whole / rest : 1.0f; };
  return weights.with > kSuppressFrom * weights.without ||
         ratio(ranges.whole_visual(false).max(), ranges.visual.max()) > kSuppressFrom ||
         ratio(ranges.whole_text(false).max(), ranges.text.max()) > kSuppressFrom;
}

}  // namespace

Status PointQuantizer::collect(const PointJob& job, RowMoments* moments, RowRanges* ranges, MassiveRows* massive) {
  for (size_t item = 0; item < job.items; ++item) {
    RowCapture rows(job.point->index), reference(job.point->index);
    MICA_TRY(job.show(item, Stream::quantized, &rows));
    if (rows.count == 0) continue;
    const size_t width = rows.values.size() / rows.count;
    for (const float value : rows.values)
      if (!std::isfinite(value))
        return Status::error(Code::invalid_argument,
                             "%s: an activation is not a finite number; the weights before it are too large",
                             job.name.c_str());
    ranges->add(rows.values.data(), rows.count, rows.visual, width);
    if (massive != nullptr) massive->add(rows.values.data(), rows.count, width);
    if (moments == nullptr) continue;
    if (!job.same_rows) MICA_TRY(job.show(item, Stream::reference, &reference));
    moments->add(compute_, rows.values.data(), job.same_rows ? rows.values.data() : reference.values.data(),
                 rows.count);
  }
  if (moments != nullptr) moments->finish(compute_);
  return Status::ok();
}

// The ranges again, of rows that lack the channels which stay in float.
Status PointQuantizer::collect_without(const PointJob& job, const std::vector<uint32_t>& channels, RowRanges* ranges) {
  *ranges = {};
  for (size_t item = 0; item < job.items; ++item) {
    RowCapture rows(job.point->index);
    MICA_TRY(job.show(item, Stream::quantized, &rows));
    if (rows.count == 0) continue;
    const size_t width = rows.values.size() / rows.count;
    clear_channels(job.rotation, channels, rows.values.data(), rows.count, width);
    ranges->add(rows.values.data(), rows.count, rows.visual, width);
  }
  return Status::ok();
}

void PointQuantizer::fix_scales(const PointJob& job, const RowRanges& ranges, bool suppressed) {
  const RowRange range_visual = ranges.whole_visual(suppressed), range_text = ranges.whole_text(suppressed);
  PointReport report;
  report.name = job.name;
  report.max_visual = range_visual.max();
  report.max_text = range_text.max();
  float visual = range_visual.best();
  float text = range_text.best();
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

Status PointQuantizer::run(const PointJob& job) {
  RowMoments moments;
  RowRanges ranges;
  MassiveRows massive(job.rotation);
  MICA_TRY(moments.create(job.matrices[0].reference->columns));
  MICA_TRY(collect(job, &moments, &ranges, job.online ? &massive : nullptr));
  const std::vector<uint32_t> kept = massive.channels();
  if (!kept.empty()) {
    moments.clear_before_rotation(compute_, job.rotation, kept);
    MICA_TRY(collect_without(job, kept, &ranges));
  }
  const bool suppressed =
      options_.rms && job.rotation && suppression_helps(mean_outlier(*job.matrices[0].reference), ranges);
  if (suppressed) moments.clear_channel(0);
  fix_scales(job, ranges, suppressed);
  ColumnRounder rounder;
  const bool by_columns = options_.rounding == Rounding::gptq && rounder.factor(moments);
  for (const ReadingMatrix& matrix : job.matrices)
    MICA_TRY(round(job, matrix, by_columns ? &rounder : nullptr, moments, suppressed, kept));
  return Status::ok();
}

// Without a rounder, to the nearest.
Status PointQuantizer::round(const PointJob& job, const ReadingMatrix& matrix, const ColumnRounder* rounder,
                             const RowMoments& moments, bool suppressed, const std::vector<uint32_t>& kept) {
  const size_t rows = matrix.reference->rows;
  const size_t width = matrix.reference->columns;
  const int bits = bits_of(matrix.storage);
  const Outlier outlier = mean_outlier(*matrix.reference);
  std::vector<float> weights(float_row(*matrix.reference, 0), float_row(*matrix.reference, 0) + rows * width);
  FloatTerms terms;
  terms.kept_channels = kept;
  terms.kept.assign(kept.size() * round_up(rows, 16), 0.0f);
  if (!kept.empty())
    for (size_t r = 0; r < rows; ++r) {
      float* row = weights.data() + r * width;
      if (job.rotation) rotations().rotate_inverse(*job.rotation, 1, nullptr, 1.0f, row);
      for (size_t k = 0; k < kept.size(); ++k) std::swap(terms.kept[k * round_up(rows, 16) + r], row[kept[k]]);
      if (job.rotation) rotations().rotate(*job.rotation, 1, nullptr, 1.0f, row);
    }
  std::vector<float> rank1(suppressed ? rows : 0);
  for (size_t r = 0; r < rank1.size(); ++r) std::swap(rank1[r], weights[r * width]);
  if (suppressed) terms.rank1 = rank1.data();
  RoundedMatrix rounded = rounder ? rounder->round(compute_, weights.data(), rows, bits)
                                  : round_nearest(compute_, weights.data(), rows, width, bits);
  if (!rounder) measure_error(compute_, &weights, moments, &rounded);
  LinearReport report;
  report.name = matrix.report_name;
  report.storage = matrix.storage;
  report.rows = rows;
  report.columns = width;
  report.error = rounded.energy > 0 ? rounded.error / rounded.energy : 0;
  report.outlier = mean_outlier(*matrix.original).with;
  report.outlier_rotated = outlier.with;
  report.outlier_suppressed = suppressed ? outlier.without : outlier.with;
  report.suppressed = suppressed;
  report.kept_channels = static_cast<uint32_t>(kept.size());
  report.fallback = options_.rounding == Rounding::gptq && !rounder;
  report_->layers.push_back(std::move(report));
  return install(matrix, rounded, matrix.reference->bias, terms);
}

Status PointQuantizer::round_alone(const ReadingMatrix& matrix, const float* column_factors,
                                   const StreamTransform& stream) {
  const Matrix& source = *matrix.original;
  std::vector<float> weights(source.rows * source.columns);
  const simd::FloatKernels& kernels = *compute_.kernels->f32;
  parallel_for(compute_, source.rows, [&](size_t r, int) {
    float* row = weights.data() + r * source.columns;
    widen_matrix_row(kernels, source, r, row);
    for (size_t i = 0; column_factors != nullptr && i < source.columns; ++i) row[i] *= column_factors[i];
  });
  if (stream.vocabulary_rotation)
    rotate_rows(compute_, stream.residual_plan, stream.signs.data(), weights.data(), source.columns, source.rows,
                false);
  for (const float weight : weights)
    if (!std::isfinite(weight))
      return Status::error(Code::invalid_argument, "%s: a weight is not a finite number", matrix.report_name.c_str());
  const RoundedMatrix rounded =
      round_nearest(compute_, weights.data(), source.rows, source.columns, bits_of(matrix.storage));
  const double outlier = mean_outlier(source).with;
  double error = 0, energy = 0;
  for (size_t k = 0; k < weights.size(); ++k) {
    const double difference = weights[k] - rounded.scale[k / source.columns] * static_cast<float>(rounded.codes[k]);
    error += difference * difference;
    energy += static_cast<double>(weights[k]) * weights[k];
  }
  report_->layers.push_back({.name = matrix.report_name,
                             .storage = matrix.storage,
                             .rows = source.rows,
                             .columns = source.columns,
                             .error = energy > 0 ? error / energy : 0,
                             .outlier = outlier,
                             .outlier_rotated = outlier,
                             .outlier_suppressed = outlier});
  return install(matrix, rounded, source.bias, {});
}

const float* PointQuantizer::keep(const float* values, size_t count) {
  uint8_t* copy = own_bytes(count * sizeof(float), memory_);
  if (copy != nullptr) std::memcpy(copy, values, count * sizeof(float));
  return reinterpret_cast<const float*>(copy);
}

// The packed matrix in memory and in the file.
Status PointQuantizer::install(const ReadingMatrix& matrix, const RoundedMatrix& rounded,
                               const float* bias, const FloatTerms& terms) {
  const bool nibbles = matrix.storage == QuantStorage::w4a8;
  const size_t columns = rounded.columns;
  const size_t panels = simd::panel_count(rounded.rows);
  const size_t panel_bytes = nibbles ? simd::u4_panel_bytes(columns) : simd::s8_panel_bytes(columns);
  uint8_t* data = own_bytes(panels * panel_bytes, memory_);
  const float* scale = keep(rounded.scale.data(), rounded.rows);
  const float* kept_bias = bias ? keep(bias, rounded.rows) : nullptr;
  const float* rank1 = terms.rank1 ? keep(terms.rank1, rounded.rows) : nullptr;
  if (data == nullptr || scale == nullptr || (bias && !kept_bias) || (terms.rank1 && !rank1))
    return Status::error(Code::out_of_memory, "no memory for the panels of %s", matrix.report_name.c_str());
  if (nibbles) simd::pack_u4(data, rounded.codes.data(), columns, columns, rounded.rows);
  else simd::pack_s8(data, rounded.codes.data(), columns, columns, rounded.rows);
  Matrix packed;
  packed.rows = rounded.rows;
  packed.columns = columns;
  packed.layout = nibbles ? MatrixLayout::panels_u4 : MatrixLayout::panels_s8;
  packed.data = data;
  packed.stride_bytes = panel_bytes;
  packed.bias = kept_bias;
  packed.scale = scale;
  packed.rank1 = rank1;
  *matrix.quantized = packed;
  tensors_->add(matrix.tensor_name + ".weight", nibbles ? DType::u8 : DType::i8, {panels, panel_bytes},
                {data, panels * panel_bytes});
  MICA_TRY(tensors_->add_floats(matrix.tensor_name + static_format::kScaleSuffix, scale, rounded.rows));
  if (rank1) MICA_TRY(tensors_->add_floats(matrix.tensor_name + static_format::kRank1Suffix, rank1, rounded.rows));
  if (bias) MICA_TRY(tensors_->add_floats(matrix.tensor_name + ".bias", bias, rounded.rows));
  return terms.kept_channels.empty() ? Status::ok() : install_kept(matrix, terms);
}

Status PointQuantizer::install_kept(const ReadingMatrix& matrix, const FloatTerms& terms) {
  const size_t count = terms.kept_channels.size();
  const size_t rows = matrix.quantized->rows;
  const size_t padded = round_up(rows, 16);
  const float* file_weights = keep(terms.kept.data(), count * padded);
  std::vector<int32_t> file_channels(round_up(count, 16), -1);
  std::copy(terms.kept_channels.begin(), terms.kept_channels.end(), file_channels.begin());
  const size_t channel_bytes = file_channels.size() * sizeof(int32_t);
  uint8_t* channels = own_bytes(channel_bytes, memory_);
  uint8_t* weights = own_bytes(count * rows * sizeof(float), memory_);
  if (file_weights == nullptr || channels == nullptr || weights == nullptr)
    return Status::error(Code::out_of_memory, "no memory for the kept channels of %s", matrix.report_name.c_str());
  std::memcpy(channels, file_channels.data(), channel_bytes);
  for (size_t k = 0; k < count; ++k)
    std::memcpy(weights + k * rows * sizeof(float), file_weights + k * padded, rows * sizeof(float));
  matrix.quantized->kept_count = static_cast<uint32_t>(count);
  matrix.quantized->kept_channels = reinterpret_cast<const uint32_t*>(channels);
  matrix.quantized->kept = reinterpret_cast<const float*>(weights);
  tensors_->add(matrix.tensor_name + static_format::kKeptSuffix, DType::f32, {count, padded},
                {reinterpret_cast<const uint8_t*>(file_weights), count * padded * sizeof(float)});
  tensors_->add(matrix.tensor_name + static_format::kKeptChannelsSuffix, DType::i32, {file_channels.size()},
                {channels, channel_bytes});
  return Status::ok();
}

}  // namespace mica
