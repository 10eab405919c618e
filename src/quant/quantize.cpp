// Quantize: the order of work: tower, projector, decoder, head; layer by layer, each seeing what was quantized before
// it. What happens at one point: point_quantizer.hpp. Not the file's layout: packed_tensors.hpp.
#include "quantize_once.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "balance.hpp"
#include "calibration_rows.hpp"
#include "factored_point.hpp"
#include "kept_parts.hpp"
#include "limits.hpp"
#include "matrix_trials.hpp"
#include "packed_documents.hpp"
#include "packed_static.hpp"
#include "point_quantizer.hpp"
#include "reference_rows.hpp"
#include "static_format.hpp"
#include "tensor_source.hpp"
#include "transform.hpp"

namespace mica {
namespace {

bool is_static(WeightFormat format) { return format != WeightFormat::floats; }

class Quantizer {
 public:
  Quantizer(Model* model, const QuantizeOptions& options, const QuantizeProgress& progress, QuantizeReport* report)
      : model_(model),
        options_(options),
        progress_(progress),
        report_(report),
        names_(*model_->files, &names_memory_),
        point_(options_, rows_.compute(), &panels_, &tensors_, report) {}

  Status run(const std::vector<CalibrationSample>& samples, const char* path);

 private:
  Status quantize_towers();
  Status quantize_tower(const StreamSpec& stream, VisionWeights* tower);
  // Steps around a tower's layers: `section` and `index` say whose tensors they are.
  struct Steps {
    StepPlan plan;
    StepWeights* weights;
    std::string prefix;  // of names in reports
    Section section;
    size_t items;  // tiles that pass
    uint32_t index = 0;
  };
  Status quantize_steps_behind(const Steps& steps, const std::function<void(size_t, Stream, RowObserver*)>& show);
  Status quantize_tap_behind(uint32_t layer);
  Status quantize_merge_behind(uint32_t layer);
  Status quantize_decoder();
  struct AllotStream {
    StreamSpec spec;
    const std::vector<LayerWeights>& layers;
    const StreamTransform& transform;
    LogitsOfRows logits;  // null: of a tower
  };
  Status allot(LayerRows& rows, const AllotStream& of, double bits, ExpectedLoss* expected);
  Status allot_decoder();
  Status balance_head(std::vector<float>* factors);
  Status quantize_head();
  Status quantize_layers(LayerRows& rows, const StreamSpec& spec, const StreamTransform& stream,
                         std::vector<LayerWeights>* layers);
  Status quantize_layer(LayerRows& rows, const StreamSpec& spec, const StreamTransform& stream,
                        const LayerWeights& original, const LayerWeights& reference, uint32_t index,
                        LayerWeights* quantized);
  Status quantize_outer(const Steps& steps, std::span<const Slot> slots, WeightFormat format,
                        const StepMatrices& originals, ShowRows show, bool same_rows);
  Status quantize_step(const Steps& steps, const StepAt& at, WeightFormat format, const StepMatrices& originals,
                       const ShowRows& show, bool same_rows);
  Status check_towers();
  Status step(const std::string& stage, double work);
  bool vision_static() const { return model_->spec.has_vision && is_static(options_.vision); }
  bool text_static() const { return is_static(options_.text); }
  bool any_static() const { return text_static() || vision_static() || is_static(options_.head); }
  FormatChoice storage_of(const Place& place, const std::string& title, const LayerWeights& layer) const;
  WeightFormat format_of(const Place& place) const;
  // Says that the tensors of a matrix are in the file in another form.
  void replace(const std::string& tensor) {
    for (const char* suffix : kMatrixSuffixes) replaced_.insert(tensor + suffix);
  }
  double sensitivity_of(const std::string& name) const {
    return allotted_.contains(name) ? allotted_.at(name).sensitivity : 0;
  }

  Model* model_;
  QuantizeOptions options_;
  const QuantizeProgress& progress_;
  QuantizeReport* report_;
  OwnedBytes names_memory_;
  FileTensors names_;
  CalibrationRows rows_;
  OwnedBytes panels_;
  PackedTensors tensors_;
  PointQuantizer point_;
  std::set<std::string> replaced_;  // names of tensors that are not copied
  std::map<std::string, MatrixChoices> allotted_;  // by a tensor's name; empty: options say the formats
  double work_ = 0, work_done_ = 0;
};

// Of a layer's matrix. Values that query heads share are few weights, and the error of each reaches all heads of its
// group; that of keys mostly falls out of the softmax.
WeightFormat Quantizer::format_of(const Place& place) const {
  if (is_tower(place.section) || place.section == Section::inner) return options_.vision;
  const DecoderSpec& d = model_->spec.decoder;
  const bool shared = place.slot == Slot::value && d.kv_heads < d.heads;
  return shared && facts_of(options_.text).bits < 8 ? options_.shared_heads : options_.text;
}

FormatChoice Quantizer::storage_of(const Place& place, const std::string& title, const LayerWeights& layer) const {
  const auto raised = options_.raised.find(title);
  if (raised != options_.raised.end()) return {.format = raised->second, .bits = 0, .cost = 0};
  const auto found = allotted_.find(names_.name(place, ""));
  if (found != allotted_.end()) return found->second.choices[found->second.chosen];
  FormatChoice storage{.format = format_of(place), .bits = 0, .cost = 0};
  if (place.section != Section::decoder || !may_be_factored(layer, place.slot)) return storage;
  storage.rank = rank_of(options_.low_rank.keep, layer.matrices[place.slot].rows, layer.matrices[place.slot].columns);
  storage.first = first_format(storage.format);
  return storage;
}

Status Quantizer::step(const std::string& stage, double work) {
  if (progress_ && progress_(stage.c_str(), work_ > 0 ? work_done_ / work_ : 0))
    return Status::error(Code::cancelled, "stopped on request");
  work_done_ += work;
  return Status::ok();
}

// One layer, point by point: both streams run up to the point, the matrices behind it are rounded for the rows that the
// quantized stream has there.
Status Quantizer::quantize_layer(LayerRows& rows, const StreamSpec& spec, const StreamTransform& stream,
                                 const LayerWeights& original, const LayerWeights& reference, uint32_t index,
                                 LayerWeights* quantized) {
  const std::string prefix = spec.prefix + std::string("layers.") + std::to_string(index) + ".";
  *quantized = reference;
  ReferenceRows recorded;
  recorded.record(rows, rows_.compute(), reference, index);
  double work = 0;
  for (size_t item = 0; item < rows.items(); ++item)
    work += static_cast<double>(rows.rows(item)) * static_cast<double>(reference.matrices[Slot::down].columns) *
            static_cast<double>(spec.width(Width::hidden));
  for (const SiteInfo& at : sites_of_layers()) {
    FactoredPoint factored(rows_.compute(), options_.rotation, model_->weights.quant_points, quantized);
    PointJob job{.name = prefix + at.name,
                 .point = &quantized->points[at.site],
                 .items = rows.items(),
                 .show = {},
                 .prepare = {},
                 .online = at.online,
                 .rotation = at.online ? stream.down(reference.reader(at.site).columns) : nullptr,
                 .matrices = {}};
    for (const PartInfo& part : parts_of_layers()) {
      if (part.reads != at.site || reference.matrices[part.slot].rows == 0) continue;
      const Place place = {spec.section, part.slot, index};
      const FormatChoice storage = storage_of(place, prefix + part.name, reference);
      const ReadingMatrix matrix = {prefix + part.name, names_.name(place, ""), &original.matrices[part.slot],
                                    &reference.matrices[part.slot], &quantized->matrices[part.slot], storage.format,
                                    sensitivity_of(names_.name(place, ""))};
      if (storage.rank != 0) factored.take(part.slot, storage, matrix, &job);
      else job.matrices.push_back(matrix);
      replace(matrix.tensor_name);
    }
    job.show = [&](size_t item, Stream which, RowObserver* observer) {
      if (which == Stream::reference && recorded.recorded()) {
        recorded.replay(item, quantized->points[at.site], observer);
        return Status::ok();
      }
      Compute compute = rows_.compute();
      compute.observer = observer;
      rows.run(compute, which == Stream::reference ? reference : *quantized, index, item, which, false);
      return Status::ok();
    };
    if (job.matrices.empty()) continue;  // of a layer of attention alone
    MICA_TRY(step(job.name, work / 4));
    MICA_TRY(point_.run(job));
    MICA_TRY(factored.finish(job, &point_, report_));
  }
  for (size_t item = 0; item < rows.items(); ++item) {
    if (!recorded.recorded()) rows.run(rows_.compute(), reference, index, item, Stream::reference, true);
    rows.run(rows_.compute(), *quantized, index, item, Stream::quantized, true);
  }
  return Status::ok();
}

Status Quantizer::quantize_layers(LayerRows& rows, const StreamSpec& spec, const StreamTransform& stream,
                                  std::vector<LayerWeights>* layers) {
  for (uint32_t i = 0; i < layers->size(); ++i) {
    OwnedBytes memory;
    LayerWeights& layer = (*layers)[i];
    LayerWeights reference = layer, quantized;
    MICA_TRY(transform_layer(stream, spec, i, &memory, &reference));
    MICA_TRY(quantize_layer(rows, spec, stream, layer, reference, i, &quantized));
    layer = quantized;
    if (spec.section != Section::vision) continue;
    MICA_TRY(quantize_tap_behind(i));
    MICA_TRY(quantize_merge_behind(i));
  }
  return Status::ok();
}

// Matrices of the tower outside of its layers, which read the same rows.
Status Quantizer::quantize_outer(const Steps& steps, std::span<const Slot> slots, WeightFormat format,
                                 const StepMatrices& originals, ShowRows show, bool same_rows) {
  StepMatrices& matrices = steps.weights->matrices;
  OwnedBytes memory;
  StepMatrices quantized = matrices;
  for (const Slot slot : slots)
    MICA_TRY(copy_matrix(matrices[slot], matrices[slot].bias != nullptr, &memory, &matrices[slot]));
  const StepMatrices reference = matrices;
  const Site site = part_of(slots[0]).reads;
  PointJob job{.name = steps.prefix + name_of(site),
               .point = &steps.weights->points[site],
               .items = steps.items,
               .show = std::move(show),
               .prepare = {},
               .same_rows = same_rows,
               .matrices = {}};
  for (const Slot slot : slots) {
    const std::string title = steps.prefix + part_of(slot).name;
    const auto raised = options_.raised.find(title);
    job.matrices.push_back({title, names_.name({steps.section, slot, steps.index}, ""), &originals[slot],
                            &reference[slot], &quantized[slot],
                            raised != options_.raised.end() ? raised->second : format});
    replace(job.matrices.back().tensor_name);
  }
  MICA_TRY(step(job.name, 0));
  MICA_TRY(point_.run(job));
  for (const Slot slot : slots) matrices[slot] = quantized[slot];
  return Status::ok();
}

// All matrices of a step, in the order of computation.
Status Quantizer::quantize_step(const Steps& steps, const StepAt& at, WeightFormat format,
                                const StepMatrices& originals, const ShowRows& show, bool same_rows) {
  std::vector<Slot> readers;
  for (const Slot slot : slots_of(at.op, at.slot, at.second)) {
    if (part_of(slot).kind != PartKind::matrix) continue;
    if (!readers.empty() && part_of(readers[0]).reads != part_of(slot).reads) {
      MICA_TRY(quantize_outer(steps, readers, format, originals, show, same_rows));
      readers.clear();
    }
    readers.push_back(slot);
  }
  return readers.empty() ? Status::ok() : quantize_outer(steps, readers, format, originals, show, same_rows);
}

// Its stem and its layers.
Status Quantizer::quantize_tower(const StreamSpec& stream, VisionWeights* tower) {
  LayerRows& rows = rows_.tower(stream.section);
  const auto begin = [&](Stream which) -> Status {
    for (size_t item = 0; item < rows.items(); ++item) MICA_TRY(rows_.begin_tile(stream.section, item, which));
    return Status::ok();
  };
  const Steps stem{stem_steps(model_->spec), tower, stream.prefix, stream.section, rows.items()};
  const StepMatrices originals = tower->matrices;
  const auto show = [&](size_t item, Stream, RowObserver* observer) {
    return rows_.show_patches(stream.section, item, observer);
  };
  MICA_TRY(begin(Stream::reference));
  // Pixels have eight bits and the matrix is small: eight bits of weights cost nothing that counts.
  for (const StepAt& at : stem.plan) MICA_TRY(quantize_step(stem, at, WeightFormat::s8, originals, show, true));
  MICA_TRY(begin(Stream::quantized));
  if (options_.bits_vision > 0)
    MICA_TRY(allot(rows, {stream, tower->layers, tower->stream, {}}, options_.bits_vision, &report_->expected_vision));
  return quantize_layers(rows, stream, tower->stream, &tower->layers);
}

Status Quantizer::quantize_towers() {
  VisionWeights& w = model_->weights.vision;
  MICA_TRY(quantize_tower(vision_stream(model_->spec), &w));
  if (has_frame_tower(model_->spec)) MICA_TRY(quantize_tower(frame_stream(model_->spec), &model_->weights.frames));
  const Steps projector{projector_steps(model_->spec), &w, "vision.", Section::projector, rows_.tiles()};
  MICA_TRY(quantize_steps_behind(projector, [&](size_t item, Stream stream, RowObserver* observer) {
    rows_.show_projector(item, stream, observer);
  }));
  rows_.finish_tower();
  return Status::ok();
}

Status Quantizer::quantize_tap_behind(uint32_t layer) {
  const LayerList& taps = model_->spec.vision.taps;
  if (!taps.has(layer)) return Status::ok();
  const auto tap = static_cast<uint32_t>(std::find(taps.layers, taps.layers + taps.count, layer) - taps.layers);
  const Steps steps{tap_steps(model_->spec), &model_->weights.vision.taps[tap],
                    "vision.taps." + std::to_string(tap) + ".", Section::tap, rows_.tiles(), tap};
  MICA_TRY(quantize_steps_behind(steps, [&](size_t item, Stream stream, RowObserver* observer) {
    rows_.show_tap(item, tap, stream, observer);
  }));
  rows_.finish_tap(tap);
  return Status::ok();
}

Status Quantizer::quantize_merge_behind(uint32_t layer) {
  if (model_->spec.vision.inner_layer != static_cast<int32_t>(layer)) return Status::ok();
  VisionWeights& w = model_->weights.vision;
  rows_.enter_squares();
  MICA_TRY(quantize_layers(rows_.squares(), inner_stream(model_->spec), w.stream, &w.inner));
  rows_.merge_squares(Stream::reference);
  const Steps steps{inner_steps(model_->spec), &w, "vision.", Section::vision, rows_.tiles()};
  MICA_TRY(quantize_steps_behind(steps, [&](size_t item, Stream stream, RowObserver* observer) {
    rows_.show_squares(item, stream, observer);
  }));
  rows_.merge_squares(Stream::quantized);
  rows_.leave_squares();
  return Status::ok();
}

Status Quantizer::quantize_steps_behind(const Steps& steps,
                                        const std::function<void(size_t, Stream, RowObserver*)>& show) {
  OwnedBytes memory;
  const StepMatrices originals = steps.weights->matrices;
  MICA_TRY(transform_steps(steps.plan, model_->weights.vision.stream, &memory, steps.weights));
  // The reference stream sees the matrices as they are now, the quantized one those that are quantized so far.
  const StepMatrices reference = steps.weights->matrices;
  const auto show_either = [&](size_t item, Stream stream, RowObserver* observer) {
    const StepMatrices current = steps.weights->matrices;
    if (stream == Stream::reference) steps.weights->matrices = reference;
    show(item, stream, observer);
    steps.weights->matrices = current;
    return Status::ok();
  };
  for (const StepAt& at : steps.plan)
    MICA_TRY(quantize_step(steps, at, options_.vision, originals, show_either, false));
  return Status::ok();
}

// A first pass over a stream's layers in float: what each format costs each matrix, and so what each gets.
Status Quantizer::allot(LayerRows& rows, const AllotStream& of, double bits, ExpectedLoss* expected) {
  const AllotJob job{.spec = of.spec,
                     .layers = of.layers,
                     .stream = of.transform,
                     .name_of = [&](const Place& place) { return names_.name(place, ""); },
                     .step = [&](uint32_t layer) {
                       return step("bits of " + (of.spec.prefix + ("layers." + std::to_string(layer))), 0);
                     },
                     .logits = of.logits,
                     .vocabulary = model_->weights.decoder.lm_head.rows,
                     .how = options_.allocation,
                     .formats = allocated_formats(options_.two_bits),
                     .factors = {of.logits ? options_.low_rank : LowRank{}, options_.rotation},
                     .by_columns = options_.rounding == Rounding::gptq,
                     .bits_mean = bits};
  return allot_bits(rows_.compute(), &rows, job, &allotted_, expected);
}

Status Quantizer::allot_decoder() {
  const DecoderWeights& w = model_->weights.decoder;
  const LogitsOfRows logits = [&](const std::vector<float>& x, std::span<const uint32_t> rows, float* out) {
    rows_.logits(x, rows, out);
  };
  return allot(rows_.decoder(), {decoder_stream(model_->spec), w.layers, w.stream, logits}, options_.bits,
               &report_->expected);
}

Status Quantizer::quantize_decoder() {
  DecoderWeights& w = model_->weights.decoder;
  LayerRows& rows = rows_.decoder();
  rows_.begin_decoder();
  if (text_static() && options_.bits > 0) MICA_TRY(allot_decoder());
  if (text_static()) return quantize_layers(rows, decoder_stream(model_->spec), w.stream, &w.layers);
  // Layers that stay as they are bring the rows to the head.
  for (size_t i = 0; i < w.layers.size(); ++i)
    for (size_t item = 0; item < rows.items(); ++item)
      rows.run(rows_.compute(), w.layers[i], i, item, Stream::quantized, true);
  return Status::ok();
}

// The scale of the rows that enter the head, the factors by which they are balanced with its weights, and whether both
// are rotated then.
Status Quantizer::balance_head(std::vector<float>* factors) {
  DecoderWeights& w = model_->weights.decoder;
  ChannelSizes sizes(w.head_in.index);
  for (size_t item = 0; item < rows_.decoder().items(); ++item) rows_.show_head(item, &sizes);
  *factors = balance(sizes, *rows_.compute().kernels, w.lm_head);
  std::vector<float> norm(factors->size(), model_->spec.decoder.multipliers.logits_divisor);  // a loader divides by it
  for (size_t i = 0; i < norm.size(); ++i)
    norm[i] *= (w.final_norm.weight ? w.final_norm.weight[i] : 1.0f) / (*factors)[i];
  StreamTransform rotated = w.stream;
  rotated.vocabulary_rotation = rotated.rotated;
  BalancedRange range(rows_.compute(), w.head_in.index, *factors, rotated);
  for (size_t item = 0; item < rows_.decoder().items(); ++item) rows_.show_head(item, &range);
  w.stream.vocabulary_rotation = rotated.vocabulary_rotation;
  const float largest = range.max();
  w.head_in.scale_visual = w.head_in.scale_text = largest > 0 ? largest / 127.0f : 1.0f;
  PointReport report;
  report.name = kHeadPoint;
  report.max_text = largest;
  report.scale_visual = report.scale_text = w.head_in.scale_text;
  report_->points.push_back(std::move(report));
  const std::string name = names_.name({Section::decoder, Slot::final_norm}, ".weight");
  replaced_.insert(name);
  for (float& value : norm) value -= names_.plus({Section::decoder, Slot::final_norm});
  return tensors_.add_floats(name, norm.data(), norm.size());
}

Status Quantizer::quantize_head() {
  DecoderWeights& w = model_->weights.decoder;
  const bool tied = w.lm_head.data == w.embedding.data;
  std::vector<float> factors;
  MICA_TRY(balance_head(&factors));
  if (tied && !factors.empty()) {
    std::vector<float> columns;
    for (const float factor : factors) columns.push_back(1.0f / factor);
    MICA_TRY(tensors_.add_floats(static_format::kEmbeddingColumns, columns.data(), columns.size()));
  }
  const std::pair<Place, Matrix*> matrices[] = {{{Section::decoder, Slot::embedding}, &w.embedding},
                                                {{Section::head, Slot::lm_head}, &w.lm_head}};
  for (const auto& [place, matrix] : matrices) {
    const bool head = place.slot == Slot::lm_head;
    if (head && tied) break;
    const char* title = head ? "head" : "embedding";
    const bool balanced = !factors.empty() && (tied || head);
    const Matrix original = *matrix;
    const std::string name = names_.name(place, "");
    MICA_TRY(step(title, 0));
    MICA_TRY(point_.round_alone({title, name, &original, nullptr, matrix, options_.head},
                                balanced ? factors.data() : nullptr, w.stream));
    replace(name);
  }
  return Status::ok();
}

Status Quantizer::check_towers() {
  const bool weighed = options_.bits_vision > 0 && model_->spec.vision.inner_layer >= 0;
  if (!weighed) return rows_.check_towers();
  return Status::error(Code::invalid_argument,
                       "this tower merges its rows between its layers, whose bits cannot be weighed together: give "
                       "all of them one format");
}

Status Quantizer::run(const std::vector<CalibrationSample>& samples, const char* path) {
  *report_ = {};
  MICA_TRY(names_.choose_roots(model_->spec));
  keep_parts(model_->spec, &options_, report_);
  report_->model = model_->files->path();
  report_->bytes_before = model_->weights.bytes;
  if (any_static()) {
    MICA_TRY(step("samples", 0));
    MICA_TRY(rows_.create(*model_, samples, options_.threads, &report_->warnings));
    MICA_TRY(transform_streams(
        {.decoder = text_static(), .vision = vision_static(), .rotate = options_.rotation, .seed = options_.seed},
        model_));
    DecoderWeights& decoder = model_->weights.decoder;
    if (text_static()) decoder.factor_width = factor_width(options_.low_rank, decoder.layers);
    MICA_TRY(rows_.plan());
    report_->samples = rows_.samples();
    report_->tokens_visual = rows_.tokens_visual();
    report_->tokens_text = rows_.tokens_text();
    work_ = rows_.work(text_static(), vision_static());
    if (vision_static()) MICA_TRY(check_towers());
    if (vision_static()) MICA_TRY(quantize_towers());
    if (text_static() || is_static(options_.head)) MICA_TRY(quantize_decoder());
    if (is_static(options_.head)) MICA_TRY(quantize_head());
  }
  MetadataList documents;
  MICA_TRY(packed_documents(*model_->files, &documents));
  add_notes(options_.notes, &documents);
  if (any_static())
    MICA_TRY(add_static_parts(model_->spec, {options_.aifs, vision_static()}, &model_->weights,
                              {&panels_, &tensors_, &documents}));
  add_kept_tensors(*model_, names_, {.decoder = text_static(), .vision = vision_static()}, replaced_, &tensors_);
  work_done_ = work_;
  MICA_TRY(step("writing", 0));
  return tensors_.write(path, documents);
}

}  // namespace

Status quantize_once(Model* model, const std::vector<CalibrationSample>& samples, const QuantizeOptions& options,
                     const QuantizeProgress& progress, const char* path, QuantizeReport* report) {
  return Quantizer(model, options, progress, report).run(samples, path);
}

}  // namespace mica
