// Closeness: two sessions side by side. Not the engine's arithmetic.
#include "closeness.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "calibration_pictures.hpp"
#include "limits.hpp"
#include "sample_session.hpp"

namespace mica {
namespace {

constexpr uint32_t kRowsMin = 32;
constexpr size_t kBytesMax = size_t{4} << 20;

class Reader {
 public:
  Status open(const Model& model, const std::vector<CalibrationSample>& samples, uint32_t threads) {
    SessionOptions options;
    options.threads = threads;
    options.logit_rows = closeness_rows(model);
    options.kv_wanted.visual_bits = 16;  // what is compared is the model, not its cache
    return open_sample_session(model, samples, &options, &memory_, &session_);
  }
  Status read(const CalibrationSample& sample, std::span<const Picture> pictures) {
    session_->clear();
    MICA_TRY(add_turns(session_->model(), sample, pictures, session_.get()));
    size_t rows = session_->tokens_pending();
    for (size_t i = 0; i < session_->pictures_pending(); ++i) rows -= std::min<size_t>(rows, session_->picture(i).tokens);
    text_rows_ = std::max<size_t>(1, rows);
    return session_->tokens_pending() == 0 ? Status::ok() : session_->prefill(nullptr, nullptr);
  }
  const float* row(uint32_t from_end) const { return session_->logits(from_end); }
  // Pictures stand first in a sample. What would follow a row of theirs is never asked, and such rows are alike.
  size_t text_rows() const { return text_rows_; }

 private:
  OwnedBytes memory_;
  std::unique_ptr<Session> session_;
  size_t text_rows_ = 0;
};

}  // namespace

double cosine_of(const float* a, const float* b, size_t count) {
  double both = 0, of_a = 0, of_b = 0;
  for (size_t i = 0; i < count; ++i) {
    both += static_cast<double>(a[i]) * b[i];
    of_a += static_cast<double>(a[i]) * a[i];
    of_b += static_cast<double>(b[i]) * b[i];
  }
  const double cosine = both / std::sqrt(of_a * of_b);
  return std::isfinite(cosine) ? cosine : 0;
}

uint32_t closeness_rows(const Model& model) {
  const size_t fit = kBytesMax / (sizeof(float) * std::max<size_t>(1, model.spec.decoder.vocabulary));
  return std::clamp(static_cast<uint32_t>(fit), kRowsMin, limits::kCalibrationTokensMax);
}

Status compare_logits(const Model& checkpoint, const Model& packed, const std::vector<CalibrationSample>& samples,
                      uint32_t threads, Closeness* out) {
  *out = {};
  Reader before, after;
  MICA_TRY(before.open(checkpoint, samples, threads));
  MICA_TRY(after.open(packed, samples, threads));
  std::vector<double> cosines;
  for (const CalibrationSample& sample : samples) {
    std::vector<Picture> pictures;
    MICA_TRY(open_pictures(sample, sample_frames(checkpoint.spec), &pictures));
    Status status = before.read(sample, pictures);
    if (status) status = after.read(sample, pictures);
    if (status.code() == Code::context_full) continue;
    MICA_TRY(status);
    const size_t rows = std::min<size_t>(closeness_rows(checkpoint), before.text_rows());
    for (uint32_t i = 0; i < rows && before.row(i) != nullptr; ++i)
      cosines.push_back(cosine_of(after.row(i), before.row(i), checkpoint.spec.decoder.vocabulary));
    ++out->samples;
  }
  out->rows = cosines.size();
  if (cosines.empty()) return Status::ok();
  std::sort(cosines.begin(), cosines.end());
  out->least = cosines.front();
  out->twentieth = cosines[cosines.size() / 20];
  out->quarter = cosines[cosines.size() / 4];
  out->middle = cosines[cosines.size() / 2];
  out->mean = std::accumulate(cosines.begin(), cosines.end(), 0.0) / static_cast<double>(cosines.size());
  return Status::ok();
}

}  // namespace mica
