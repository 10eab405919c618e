// Closeness: two sessions side by side. Not the engine's arithmetic.
#include "closeness.hpp"

#include <algorithm>
#include <cmath>

#include "calibration_pictures.hpp"
#include "sample_session.hpp"

namespace mica {
namespace {

class Reader {
 public:
  Status open(const Model& model, const std::vector<CalibrationSample>& samples, uint32_t threads) {
    SessionOptions options;
    options.threads = threads;
    options.logit_rows = kClosenessRows;
    options.kv_wanted.visual_bits = 16;  // what is compared is the model, not its cache
    return open_sample_session(model, samples, &options, &memory_, &session_);
  }
  Status read(const CalibrationSample& sample, std::span<const Picture> pictures) {
    session_->clear();
    MICA_TRY(add_turns(session_->model(), sample, pictures, session_.get()));
    return session_->tokens_pending() == 0 ? Status::ok() : session_->prefill(nullptr, nullptr);
  }
  const float* row(uint32_t from_end) const { return session_->logits(from_end); }

 private:
  OwnedBytes memory_;
  std::unique_ptr<Session> session_;
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

Status compare_logits(const Model& checkpoint, const Model& packed, const std::vector<CalibrationSample>& samples,
                      uint32_t threads, Closeness* out) {
  *out = {};
  Reader before, after;
  MICA_TRY(before.open(checkpoint, samples, threads));
  MICA_TRY(after.open(packed, samples, threads));
  double sum = 0;
  for (const CalibrationSample& sample : samples) {
    std::vector<Picture> pictures;
    MICA_TRY(open_pictures(sample, sample_frames(checkpoint.spec), &pictures));
    Status status = before.read(sample, pictures);
    if (status) status = after.read(sample, pictures);
    if (status.code() == Code::context_full) continue;
    MICA_TRY(status);
    for (uint32_t i = 0; i < kClosenessRows && before.row(i) != nullptr; ++i) {
      const double cosine = cosine_of(after.row(i), before.row(i), checkpoint.spec.decoder.vocabulary);
      out->least = std::min(out->least, cosine);
      sum += cosine;
      ++out->rows;
    }
    ++out->samples;
  }
  if (out->rows > 0) out->mean = sum / static_cast<double>(out->rows);
  return Status::ok();
}

}  // namespace mica
