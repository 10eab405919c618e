// Quantizing in passes: once as it was asked for; and where the logits are too far from the checkpoint's, again with
// more bits where they help most. Not a pass: quantize.cpp.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "atomic_file.hpp"
#include "closeness.hpp"
#include "fitting_threads.hpp"
#include "guard.hpp"
#include "kept_parts.hpp"
#include "mapped_file.hpp"
#include "quantize_once.hpp"
#include "raising.hpp"
#include "unlike_samples.hpp"
#include "utf8.hpp"

namespace mica {
namespace {

// Samples by which a file is judged, and of those, and of unlike ones, the ones by which points are weighed.
constexpr size_t kJudged = 8, kWeighed = 2;
// Points lose more together than the sum of what each does by itself.
constexpr double kFirstShare = 0.7;
constexpr double kFarAtMost = 64;   // times what the middle row loses, where the mean is too far as well
constexpr double kNothing = 1e-9;   // as little as floats lose
constexpr double kOfSeen = 0.6;     // of what unseen rows may lose, the worst of the seen may
constexpr size_t kShortPrompt = 8;  // bytes
constexpr size_t kPassesMax = 12;   // the last has floats everywhere

uint64_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

// Up to `count` of them, evenly spread.
std::vector<CalibrationSample> some_of(const std::vector<CalibrationSample>& samples, size_t count) {
  std::vector<CalibrationSample> out;
  const size_t taken = std::min(count, samples.size());
  for (size_t i = 0; i < taken; ++i) out.push_back(samples[i * samples.size() / taken]);
  return out;
}

// And those with pictures once more with the beginning of their prompts: rows that attend to few others lose most.
std::vector<CalibrationSample> with_short(std::vector<CalibrationSample> samples) {
  const size_t count = samples.size();
  for (size_t i = 0; i < count; ++i) {
    CalibrationSample shorter = samples[i];
    if (shorter.pictures.empty() || !shorter.tokens.empty() || shorter.prompt.size() <= kShortPrompt) continue;
    shorter.prompt.resize(utf8_invalid_at(std::string_view(shorter.prompt).substr(0, kShortPrompt)));
    shorter.answer.clear();
    samples.push_back(std::move(shorter));
  }
  return samples;
}

// A packed file that may yet be made again, beside the one that it will be.
class Trial {
 public:
  explicit Trial(const char* path) : path_(path), trial_(path_ + "." + std::to_string(getpid()) + "-trial.partial") {}
  ~Trial() { unlink(trial_.c_str()); }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  const char* path() const { return trial_.c_str(); }
  Status keep() const {
    MappedFile file;
    MICA_TRY(MappedFile::map(trial_.c_str(), SIZE_MAX, &file));
    AtomicFile kept;
    MICA_TRY(kept.create(path_.c_str()));
    MICA_TRY(kept.write_at(0, file.bytes()));
    return kept.commit();
  }

 private:
  std::string path_, trial_;
};

class Passes {
 public:
  Passes(std::unique_ptr<ModelFiles> files, const std::vector<CalibrationSample>& samples,
         const QuantizeOptions& options, const QuantizeProgress& progress, QuantizeReport* report)
      : files_(std::move(files)), samples_(samples), options_(options), progress_(progress), report_(report) {
    if (options_.threads == 0) options_.threads = fitting_threads().prompts;
  }

  Status run(const char* path) { return pass(path); }
  Status run_until_close(const char* path, const std::vector<CalibrationSample>& held_out);

 private:
  Status open(std::unique_ptr<Model>* out) {
    MICA_TRY(open_model(std::move(files_), out));
    return check_unquantized(**out);
  }
  Status tell(const std::string& stage, double done) const {
    if (progress_ && progress_(stage.c_str(), done)) return Status::error(Code::cancelled, "stopped on request");
    return Status::ok();
  }
  Status pass(const char* path) {
    std::unique_ptr<Model> model;
    MICA_TRY(open(&model));
    const Status status = quantize_once(model.get(), samples_, options_, progress_, path, report_);
    files_ = std::move(model->files);
    return status;
  }
  struct Shown {
    std::vector<CalibrationSample> samples;
    std::vector<CalibrationSample> unlike;  // which count where rows lose alike: of others too much may be lost
  };
  Status compare(const char* path, const Shown& shown);
  double judged() const {
    if (!by_least_) return report_->closeness.mean;
    const Closeness& unlike = report_->closeness_unlike;
    return std::min(report_->closeness.least, unlike_by_least_ ? unlike.least : unlike.mean);
  }
  // 1 less the cosine that is to be held: rows that were not seen come below the smallest of those that were.
  double may_lose() const { return (by_least_ ? kOfSeen : 1) * (1 - options_.least_cosine); }
  bool choose_others(double allowed);
  void raise();
  void report_raises(const Closeness& before);

  std::unique_ptr<ModelFiles> files_;  // while no model has them
  const std::vector<CalibrationSample>& samples_;
  QuantizeOptions options_;
  const QuantizeProgress& progress_;
  QuantizeReport* report_;
  std::vector<RaisePoint> points_;  // empty: not weighed yet
  // Of all rows, as the first pass has them; else the mean.
  bool by_least_ = false, unlike_by_least_ = false;
};

// The file of a pass beside the checkpoint, and what each point loses where it was not weighed yet and has to be.
Status Passes::compare(const char* path, const Shown& shown) {
  MICA_TRY(tell("comparing with the checkpoint", 1));
  std::unique_ptr<ModelFiles> written;
  std::unique_ptr<Model> checkpoint, packed;
  MICA_TRY(ModelFiles::open(path, &written));
  MICA_TRY(open_model(std::move(written), &packed));
  MICA_TRY(open(&checkpoint));
  Status status = compare_logits(*checkpoint, *packed, shown.samples, options_.threads, &report_->closeness);
  if (status) status = compare_logits(*checkpoint, *packed, shown.unlike, options_.threads, &report_->closeness_unlike);
  const Closeness& now = report_->closeness;
  const bool far = now.mean < options_.least_cosine && 1 - now.least <= kFarAtMost * (1 - now.middle);
  if (points_.empty()) {
    by_least_ = now.rows_alike() || far;
    unlike_by_least_ = report_->closeness_unlike.rows_alike();
  }
  if (status && 1 - judged() > may_lose() && points_.empty()) {
    StaticLosses losses;
    const auto layers = static_cast<double>(checkpoint->spec.decoder.layers);
    const auto step = [&](uint32_t layer) {
      return tell("what is lost in layers." + std::to_string(layer), layer / layers);
    };
    std::vector<CalibrationSample> weighed = some_of(shown.samples, kWeighed);
    const std::vector<CalibrationSample> unlike = some_of(shown.unlike, by_least_ ? kWeighed : 0);
    weighed.insert(weighed.end(), unlike.begin(), unlike.end());
    status = measure_losses(checkpoint.get(), *packed, weighed, options_, step, &losses);
    points_ = raise_points(*report_, losses);
  }
  files_ = std::move(checkpoint->files);
  return status;
}

// Other points than those that have more bits already, with less allowed until there are some. False when all have
// floats.
bool Passes::choose_others(double allowed) {
  constexpr double kStep = 0.8;
  const auto chosen = [&] {
    std::vector<size_t> levels;
    for (const RaisePoint& point : points_) levels.push_back(point.chosen);
    return levels;
  };
  const std::vector<size_t> before = chosen();
  for (double tried = allowed;; tried *= kStep) {
    const bool more = choose_raises(tried > kNothing ? tried : 0, &points_);
    if (!more || chosen() != before) return more;
  }
}

// The options with what was chosen.
void Passes::raise() {
  options_.raised.clear();
  for (const RaisePoint& point : points_) {
    if (point.chosen == 0) continue;
    const WeightFormat format = point.levels[point.chosen].format;
    if (point.name == kHeadPoint) options_.head = format;
    for (const RaisePoint::Reader& matrix : point.matrices)
      if (facts_of(format).bits >= facts_of(matrix.format).bits) options_.raised[matrix.name] = format;
  }
}

void Passes::report_raises(const Closeness& before) {
  report_->closeness_before = before;
  for (const RaisePoint& point : points_)
    if (point.chosen != 0)
      report_->raises.push_back({.point = point.name,
                                 .from = point.format,
                                 .to = point.levels[point.chosen].format,
                                 .lost = point.levels[0].loss,
                                 .rows_lost = point.rows_lost});
  std::stable_sort(report_->raises.begin(), report_->raises.end(),
                   [](const RaiseReport& a, const RaiseReport& b) { return a.lost > b.lost; });
}

Status Passes::run_until_close(const char* path, const std::vector<CalibrationSample>& held_out) {
  const Trial trial(path);
  const std::vector<CalibrationSample> others = some_of(held_out.empty() ? samples_ : held_out, kJudged);
  const Shown shown{with_short(others), unlike_samples(others)};
  const WeightFormat head = options_.head;
  double allowed = 0;  // of what points lose by themselves, in means over rows
  Closeness before;
  bool more = true;
  for (size_t number = 1;; ++number) {
    MICA_TRY(pass(trial.path()));
    MICA_TRY(compare(trial.path(), shown));
    if (number == 1) before = report_->closeness;
    const double lost = 1 - judged(), bound = may_lose();
    if (lost <= bound || !more || points_.empty()) break;
    if (number == 1) allowed = kFirstShare * bound * (1 - before.mean) / lost;
    else allowed *= std::clamp(0.8 * bound / lost, 0.1, 0.7);
    more = choose_others(number + 1 < kPassesMax ? allowed : 0);
    options_.head = head;
    raise();
  }
  report_raises(before);
  if (judged() < options_.least_cosine)
    report_->warnings.push_back(
        "logits are further from the checkpoint's than was asked for, and nothing is left that could have more bits");
  return trial.keep();
}

}  // namespace

Status quantize(std::unique_ptr<ModelFiles> files, const std::vector<CalibrationSample>& samples,
                const QuantizeOptions& options, const QuantizeProgress& progress, const char* path,
                QuantizeReport* report, const std::vector<CalibrationSample>& held_out) {
  const auto start = std::chrono::steady_clock::now();
  QuantizeReport unread;
  QuantizeReport* out = report ? report : &unread;
  const Status status = guarded([&] {
    Passes passes(std::move(files), samples, options, progress, out);
    return options.least_cosine > 0 ? passes.run_until_close(path, held_out) : passes.run(path);
  });
  if (!status) return status;
  out->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out->peak_bytes = peak_bytes();
  return Status::ok();
}

}  // namespace mica
