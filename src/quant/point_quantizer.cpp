// PointQuantizer: statistics, then rounding, then panels. The arithmetic: row_moments.hpp, rounding.hpp.
#include "point_quantizer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "checked.hpp"
#include "enter.hpp"
#include "kernel_choice.hpp"
#include "quantize_once.hpp"
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

// Of a table in the file: a whole line.
constexpr size_t kLevelsBytes = 64;

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
  const simd::Kernels& kernels = definition_kernels();
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

// What rounding to the nearest costs; `weights` are used up.
void measure_error(const Compute& compute, std::vector<float>* weights, const RowMoments& moments,
                   RoundedMatrix* rounded) {
  rounded->energy = output_energy(compute, weights->data(), rounded->rows, moments);
  for (size_t k = 0; k < weights->size(); ++k)
    (*weights)[k] -= rounded->weight(k / rounded->columns, k % rounded->columns);
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
  report.loss_visual = static_cast<float>(range_visual.loss(visual));
  report.loss_text = static_cast<float>(range_text.loss(text));
  report.visual = quantiles_of(ranges.visual);
  report.text = quantiles_of(ranges.text);
  report_->points.push_back(std::move(report));
}

// Without integers nothing has to be known of the rows.
Status PointQuantizer::keep_floats(const PointJob& job) {
  for (const ReadingMatrix& matrix : job.matrices) {
    const Matrix& source = *matrix.reference;
    MICA_TRY(tensors_->add_matrix(matrix.tensor_name, source, memory_, matrix.quantized));
    const double outlier = mean_outlier(*matrix.original).with, rotated = mean_outlier(source).with;
    report_->layers.push_back({.name = matrix.report_name,
                               .point = job.name,
                               .rows = source.rows,
                               .columns = source.columns,
                               .bits = 8.0 * static_cast<double>(matrix.quantized->bytes()) /
                                       static_cast<double>(source.rows * source.columns),
                               .sensitivity = matrix.sensitivity,
                               .outlier = outlier,
                               .outlier_rotated = rotated,
                               .outlier_suppressed = rotated});
  }
  return Status::ok();
}

Status PointQuantizer::run(const PointJob& job) {
  const auto is_float = [](const ReadingMatrix& matrix) { return matrix.format == WeightFormat::floats; };
  if (std::any_of(job.matrices.begin(), job.matrices.end(), is_float)) return keep_floats(job);
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
  if (job.prepare) MICA_TRY(job.prepare(moments));
  // Matrices of vectors, of pairs, then the others: the order of columns differs.
  for (const size_t together : {kLatticeColumns, size_t{2}, size_t{1}}) {
    const auto rounds_here = [&](const ReadingMatrix& matrix) { return grid_of(matrix.format).together == together; };
    if (std::none_of(job.matrices.begin(), job.matrices.end(), rounds_here)) continue;
    ColumnRounder rounder;
    const bool few_bits = std::any_of(job.matrices.begin(), job.matrices.end(), [&](const ReadingMatrix& matrix) {
      return rounds_here(matrix) && matrix.format != WeightFormat::s8;
    });
    const bool by_columns = options_.rounding == Rounding::gptq && rounder.factor(moments, together, few_bits);
    for (const ReadingMatrix& matrix : job.matrices)
      if (rounds_here(matrix))
        MICA_TRY(round(job, matrix, by_columns ? &rounder : nullptr, moments, suppressed, kept));
  }
  return Status::ok();
}

// Without a rounder, to the nearest.
Status PointQuantizer::round(const PointJob& job, const ReadingMatrix& matrix, const ColumnRounder* rounder,
                             const RowMoments& moments, bool suppressed, const std::vector<uint32_t>& kept) {
  const size_t rows = matrix.reference->rows;
  const size_t width = matrix.reference->columns;
  const Grid grid = grid_of(matrix.format);
  const Outlier outlier = mean_outlier(*matrix.reference);
  std::vector<float> weights(float_row(*matrix.reference, 0), float_row(*matrix.reference, 0) + rows * width);
  FloatTerms terms;
  terms.kept_channels = kept;
  terms.kept.assign(kept.size() * round_up(rows, 16), 0.0f);
  if (!kept.empty())
    for (size_t r = 0; r < rows; ++r) {
      float* row = weights.data() + r * width;
      if (job.rotation) job.rotation->rotate_back(row);
      for (size_t k = 0; k < kept.size(); ++k) std::swap(terms.kept[k * round_up(rows, 16) + r], row[kept[k]]);
      if (job.rotation) job.rotation->rotate(row);
    }
  std::vector<float> rank1(suppressed ? rows : 0);
  for (size_t r = 0; r < rank1.size(); ++r) std::swap(rank1[r], weights[r * width]);
  if (suppressed) terms.rank1 = rank1.data();
  RoundedMatrix rounded = rounder ? rounder->round(compute_, weights.data(), rows, grid)
                                  : round_nearest(compute_, weights.data(), rows, width, grid);
  if (!rounder) measure_error(compute_, &weights, moments, &rounded);
  LinearReport report;
  report.name = matrix.report_name;
  report.point = job.name;
  report.format = matrix.format;
  report.sensitivity = matrix.sensitivity;
  const double in_float = 32.0 * static_cast<double>(terms.kept.size() + rank1.size());
  report.bits = (packed_bits(matrix.format, rows, width) + in_float) / static_cast<double>(rows * width);
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
  const simd::Kernels& kernels = *compute_.kernels;
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
      round_nearest(compute_, weights.data(), source.rows, source.columns, grid_of(matrix.format));
  const double outlier = mean_outlier(source).with;
  double error = 0, energy = 0;
  for (size_t k = 0; k < weights.size(); ++k) {
    const double difference = weights[k] - rounded.weight(k / source.columns, k % source.columns);
    error += difference * difference;
    energy += static_cast<double>(weights[k]) * weights[k];
  }
  report_->layers.push_back({.name = matrix.report_name,
                             .point = kHeadPoint,
                             .format = matrix.format,
                             .rows = source.rows,
                             .columns = source.columns,
                             .bits = packed_bits(matrix.format, source.rows, source.columns) /
                                     static_cast<double>(source.rows * source.columns),
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
  const size_t columns = rounded.columns;
  const size_t panels = panel_count(rounded.rows);
  const size_t stride = panel_bytes(matrix.format, columns);
  uint8_t* data = own_bytes(panels * stride, memory_);
  const float* scale = keep(rounded.scale.data(), rounded.rows);
  const int8_t* levels = levels_of(matrix.format);
  uint8_t* file_levels = levels != nullptr ? own_bytes(kLevelsBytes, memory_) : nullptr;
  const float* kept_bias = bias ? keep(bias, rounded.rows) : nullptr;
  const float* rank1 = terms.rank1 ? keep(terms.rank1, rounded.rows) : nullptr;
  if (data == nullptr || scale == nullptr || (bias && !kept_bias) || (terms.rank1 && !rank1) ||
      (levels && !file_levels))
    return Status::error(Code::out_of_memory, "no memory for the panels of %s", matrix.report_name.c_str());
  pack_panels(matrix.format, data, {rounded.codes.data(), rounded.multipliers.data(), levels}, rounded.rows, columns);
  Matrix packed;
  packed.rows = rounded.rows;
  packed.columns = columns;
  packed.format = matrix.format;
  packed.data = data;
  packed.stride_bytes = stride;
  packed.bias = kept_bias;
  packed.scale = scale;
  packed.levels = levels;
  packed.rank1 = rank1;
  *matrix.quantized = packed;
  tensors_->add_panels(matrix.tensor_name, matrix.format, {panels, stride}, {data, panels * stride});
  MICA_TRY(tensors_->add_floats(matrix.tensor_name + static_format::kScaleSuffix, scale, rounded.rows));
  if (levels) {
    std::memset(file_levels, 0, kLevelsBytes);
    std::memcpy(file_levels, levels, facts_of(matrix.format).levels);
    tensors_->add(matrix.tensor_name + static_format::kLevelsSuffix, DType::i8, {kLevelsBytes},
                  {file_levels, kLevelsBytes});
  }
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
