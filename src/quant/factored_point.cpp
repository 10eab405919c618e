// FactoredPoint: two jobs for one matrix. What a job does: point_quantizer.hpp.
#include "factored_point.hpp"

#include <algorithm>
#include <utility>

#include "linear.hpp"
#include "static_format.hpp"

namespace mica {
namespace {

// Shows what a first factor makes of the rows of one point as the rows of another.
class BehindFirst final : public RowObserver {
 public:
  BehindFirst(const Compute& compute, const Matrix& first, uint32_t before, const QuantPoint& between,
              RowObserver* observer)
      : compute_(compute), first_(first), before_(before), between_(between), observer_(observer) {
    compute_.observer = nullptr;
  }
  bool observe(const QuantPoint& point, const float* rows, size_t stride, size_t count, size_t visual,
               size_t width) override {
    if (point.index != before_) return true;
    Rows in = float_rows(rows, count, width);
    in.stride = stride;
    std::vector<float> given(count * first_.rows);
    linear(compute_, given.data(), first_.rows, in, first_);
    return observer_->observe(between_, given.data(), first_.rows, count, visual, first_.rows);
  }

 private:
  Compute compute_;
  const Matrix& first_;
  uint32_t before_;
  const QuantPoint& between_;
  RowObserver* observer_;
};

Matrix matrix_of(const std::vector<float>& values, size_t rows, size_t columns) {
  return {.rows = rows,
          .columns = columns,
          .dtype = DType::f32,
          .data = reinterpret_cast<const uint8_t*>(values.data()),
          .stride_bytes = columns * sizeof(float)};
}

// Two reports of factors, the newest the second one's, become one of their product.
void join_reports(const ReadingMatrix& whole, const FormatChoice& storage, const Factors& factors,
                  std::vector<LinearReport>* layers) {
  const LinearReport second = std::move(layers->back());
  layers->pop_back();
  const auto first = std::find_if(layers->rbegin(), layers->rend(),
                                  [&](const LinearReport& layer) { return layer.name == whole.report_name; });
  const auto weights = [](const LinearReport& layer) {
    return static_cast<double>(layer.rows) * static_cast<double>(layer.columns);
  };
  const double bits = first->bits * weights(*first) + second.bits * weights(second);
  first->rows = whole.reference->rows;
  first->columns = whole.reference->columns;
  first->bits = bits / weights(*first);
  first->format = second.format;
  first->first_format = storage.first;
  first->rank = storage.rank;
  first->cut = factors.energy > 0 ? factors.lost / factors.energy : 0;
  first->error = first->cut + (1 - first->cut) * (first->error + second.error);
  first->fallback = first->fallback || second.fallback;
}

}  // namespace

void FactoredPoint::take(Slot slot, const FormatChoice& storage, const ReadingMatrix& matrix, PointJob* job) {
  auto pair = std::make_unique<Pair>(Pair{slot, storage, matrix, {}, {}, {}});
  pair->first.columns = matrix.reference->columns;
  ReadingMatrix first = matrix;
  first.tensor_name += static_format::kFirstSuffix;
  first.reference = &pair->first;
  first.quantized = &quantized_->first[slot].matrix;
  first.format = storage.first;
  job->matrices.push_back(std::move(first));
  pairs_.push_back(std::move(pair));
  job->prepare = [this](const RowMoments& moments) { return factor(moments); };
}

Status FactoredPoint::factor(const RowMoments& moments) {
  for (const std::unique_ptr<Pair>& pair : pairs_) {
    const Matrix& whole = *pair->whole.reference;
    if (!factor_matrix(reinterpret_cast<const float*>(whole.data), whole.rows, whole.columns, moments,
                       pair->storage.rank, rotate_, &pair->factors))
      return Status::error(Code::invalid_argument,
                           "%s has no factors: what it gives on the samples has no principal components; keep it whole "
                           "(without --low-rank), or give other samples",
                           pair->whole.report_name.c_str());
    pair->first = matrix_of(pair->factors.first, pair->storage.rank, whole.columns);
    pair->second = matrix_of(pair->factors.second, whole.rows, pair->storage.rank);
    pair->second.bias = whole.bias;
  }
  return Status::ok();
}

Status FactoredPoint::finish(const PointJob& job, PointQuantizer* quantizer, QuantizeReport* report) {
  for (const std::unique_ptr<Pair>& pair : pairs_) quantized_->matrices[pair->slot] = pair->second;
  for (const std::unique_ptr<Pair>& pair : pairs_) {
    MICA_TRY(finish(*pair, job, quantizer));
    join_reports(pair->whole, pair->storage, pair->factors, &report->layers);
  }
  return Status::ok();
}

Status FactoredPoint::finish(const Pair& pair, const PointJob& job, PointQuantizer* quantizer) {
  QuantPoint& between = quantized_->first[pair.slot].point;
  between.index = first_index_ + static_cast<uint32_t>(pair.slot);
  const auto show = [&](size_t item, Stream stream, RowObserver* observer) {
    if (stream == Stream::quantized) return job.show(item, stream, observer);
    BehindFirst behind(compute_, pair.first, job.point->index, between, observer);
    return job.show(item, stream, &behind);
  };
  ReadingMatrix second = pair.whole;
  second.original = second.reference = &pair.second;
  second.quantized = &quantized_->matrices[pair.slot];
  second.format = pair.storage.format;
  PointJob inner{.name = pair.whole.report_name + "_factor_in",
                 .point = &between,
                 .items = job.items,
                 .show = show,
                 .prepare = {},
                 .matrices = {second}};
  return quantizer->run(inner);
}

}  // namespace mica
