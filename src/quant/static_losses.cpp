// StaticLosses: runs of float layers that meet integers at one point. Not the loops: engine.
#include "static_losses.hpp"

#include <algorithm>
#include <utility>

#include "calibration_rows.hpp"
#include "closeness.hpp"
#include "transform.hpp"

namespace mica {
namespace {

// What one run has seen so far.
struct Run {
  double* loss;           // gets what is lost in the end
  CalibrationRows* rows;  // whose inputs beside the stream (a tower's taps) it reads
  LayerRows::State state;
};

class ItemRuns {
 public:
  ItemRuns(CalibrationRows* own, CalibrationRows* packed, size_t item) : own_(own), packed_(packed), item_(item) {}

  // Rows of the packed model's tower, and its embeddings, in front of the float layers.
  void begin(StaticLosses* out) {
    LayerRows& rows = own_->decoder();
    const LayerRows::State& given = packed_->decoder().state(item_, Stream::reference);
    const LayerRows::State& reference = rows.state(item_, Stream::reference);
    const size_t visual = rows.visual(item_) * reference.x.size() / rows.rows(item_);
    Run tower{&out->towers, packed_, reference}, embedding{&out->vocabulary, own_, reference};
    std::copy_n(given.x.begin(), visual, tower.state.x.begin());
    std::copy(given.x.begin() + static_cast<std::ptrdiff_t>(visual), given.x.end(),
              embedding.state.x.begin() + static_cast<std::ptrdiff_t>(visual));
    embedding.state.carried = given.carried;
    if (visual > 0) runs_.push_back(std::move(tower));
    runs_.push_back(std::move(embedding));
  }
  // All runs a float layer further, and one more for each point that `packed` has as integers.
  void pass(const LayerWeights& reference, const LayerWeights& packed, uint32_t layer, StaticLosses* out) {
    for (Run& run : runs_) advance(reference, layer, &run);
    for (const SiteInfo& at : sites_of_layers()) {
      LayerWeights one = reference;
      bool is_static = false;
      for (const PartInfo& part : parts_of_layers())
        if (part.reads == at.site && packed.matrices[part.slot].reads_point()) {
          one.matrices[part.slot] = packed.matrices[part.slot];
          if (const FirstFactor* first = packed.first_of(part.slot)) one.first[part.slot] = *first;
          is_static = true;
        }
      if (!is_static) continue;
      one.points[at.site] = packed.points[at.site];
      double* loss = &out->points["layers." + std::to_string(layer) + "." + at.name];
      runs_.push_back({loss, own_, own_->decoder().state(item_, Stream::reference)});
      advance(one, layer, &runs_.back());
    }
    own_->decoder().run(own_->compute(), reference, layer, item_, Stream::reference, true);
  }
  void finish(const Model& packed, size_t items, StaticLosses* out) {
    const LayerRows& rows = own_->decoder();
    const size_t count = std::min<size_t>(closeness_rows(packed), rows.rows(item_));
    const size_t vocabulary = packed.weights.decoder.lm_head.rows;
    std::vector<uint32_t> last;
    for (size_t row = rows.rows(item_) - count; row < rows.rows(item_); ++row)
      last.push_back(static_cast<uint32_t>(row));
    const std::vector<float>& reference = own_->decoder().state(item_, Stream::reference).x;
    std::vector<float> expected(count * vocabulary), given(expected.size());
    own_->logits(reference, last, expected.data());
    const double share = 1 / static_cast<double>(count * items);
    const auto add = [&](double* loss) {
      for (size_t at = 0; at < given.size(); at += vocabulary)
        *loss += share * (1 - cosine_of(given.data() + at, expected.data() + at, vocabulary));
    };
    for (const Run& run : runs_) {
      own_->logits(run.state.x, last, given.data());
      add(run.loss);
    }
    packed_->logits(reference, last, given.data());
    add(&out->vocabulary);
  }

 private:
  // The quantized stream's rows are lent to a run.
  void advance(const LayerWeights& layer, uint32_t index, Run* run) {
    LayerRows& rows = run->rows->decoder();
    LayerRows::State& lent = rows.state(item_, Stream::quantized);
    std::swap(lent, run->state);
    rows.run(run->rows->compute(), layer, index, item_, Stream::quantized, true);
    std::swap(lent, run->state);
  }

  CalibrationRows* own_;
  CalibrationRows* packed_;
  size_t item_;
  std::vector<Run> runs_;
};

}  // namespace

Status measure_losses(Model* checkpoint, const Model& packed, const std::vector<CalibrationSample>& samples,
                      const QuantizeOptions& options, const std::function<Status(uint32_t layer)>& step,
                      StaticLosses* out) {
  *out = {};
  const bool text = options.text != WeightFormat::floats;
  CalibrationRows own, given;
  std::vector<std::string> told;
  MICA_TRY(own.create(*checkpoint, samples, options.threads, &told));
  MICA_TRY(given.create(packed, samples, options.threads, &told));
  MICA_TRY(transform_streams({.decoder = text, .vision = false, .rotate = options.rotation, .seed = options.seed},
                             checkpoint));
  checkpoint->weights.decoder.factor_width = packed.weights.decoder.factor_width;
  MICA_TRY(own.plan());
  MICA_TRY(given.plan());
  own.begin_decoder();
  given.begin_decoder();
  const DecoderWeights& w = checkpoint->weights.decoder;
  for (size_t item = 0; item < own.samples(); ++item) {
    ItemRuns runs(&own, &given, item);
    runs.begin(out);
    for (uint32_t layer = 0; layer < w.layers.size(); ++layer) {
      MICA_TRY(step(layer));
      OwnedBytes memory;
      LayerWeights reference = w.layers[layer];
      if (text) MICA_TRY(transform_layer(w.stream, decoder_stream(checkpoint->spec), layer, &memory, &reference));
      runs.pass(reference, packed.weights.decoder.layers[layer], layer, out);
    }
    runs.finish(packed, own.samples(), out);
  }
  return Status::ok();
}

}  // namespace mica
