// Quantize: the order of work: tower, projector, decoder, head; layer by layer, each seeing what was quantized before
// it. What happens at one point: point_quantizer.hpp. Not the file's layout: packed_tensors.hpp.
#include "quantize.hpp"

#include <sys/resource.h>

#include <chrono>
#include <cstring>
#include <set>
#include <utility>

#include "balance.hpp"
#include "calibration_rows.hpp"
#include "checked.hpp"
#include "kv_preference.hpp"
#include "limits.hpp"
#include "packed_documents.hpp"
#include "point_quantizer.hpp"
#include "reference_rows.hpp"
#include "static_format.hpp"
#include "tensor_source.hpp"
#include "transform.hpp"

namespace mica {
namespace {

uint64_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

bool is_static(QuantStorage storage) { return storage != QuantStorage::f16; }

// Where a matrix of a layer stands in the file and in memory.
struct LayerSlot {
  Slot decoder, vision;
  Matrix LayerWeights::*matrix;
  const char* name;
};
constexpr LayerSlot kReadsAttention[] = {
    {Slot::query, Slot::vision_query, &LayerWeights::query, "query"},
    {Slot::key, Slot::vision_key, &LayerWeights::key, "key"},
    {Slot::value, Slot::vision_value, &LayerWeights::value, "value"},
};
constexpr LayerSlot kReadsOutput[] = {{Slot::output, Slot::vision_output, &LayerWeights::output, "output"}};
constexpr LayerSlot kReadsMlp[] = {
    {Slot::gate, Slot::count, &LayerWeights::gate, "gate"},
    {Slot::up, Slot::vision_up, &LayerWeights::up, "up"},
};
constexpr LayerSlot kReadsDown[] = {{Slot::down, Slot::vision_down, &LayerWeights::down, "down"}};

struct LayerPoint {
  QuantPoint LayerWeights::*point;
  const char* name;
  std::span<const LayerSlot> slots;
};
const LayerPoint kLayerPoints[] = {
    {&LayerWeights::attention_in, "attention_in", kReadsAttention},
    {&LayerWeights::output_in, "output_in", kReadsOutput},
    {&LayerWeights::mlp_in, "mlp_in", kReadsMlp},
    {&LayerWeights::down_in, "down_in", kReadsDown},
};

// Tensors that are folded into the matrices that read them, or that the matrices' own replace.
constexpr Slot kFoldedDecoder[] = {Slot::attention_norm, Slot::mlp_norm};
constexpr Slot kFoldedVision[] = {Slot::vision_norm1, Slot::vision_norm2, Slot::vision_scale1, Slot::vision_scale2,
                                  Slot::projector_norm};

class Quantizer {
 public:
  Quantizer(std::unique_ptr<Model> model, const QuantizeOptions& options, const QuantizeProgress& progress,
            QuantizeReport* report)
      : model_(std::move(model)),
        options_(options),
        progress_(progress),
        report_(report),
        names_(*model_->files, &names_memory_),
        point_(options_, rows_.compute(), &panels_, &tensors_, report) {}

  Status run(const std::vector<CalibrationSample>& samples, const char* path);

 private:
  Status quantize_tower();
  Status quantize_projector();
  Status quantize_decoder();
  Status balance_head(std::vector<float>* factors);
  Status quantize_head();
  Status quantize_layer(LayerRows& rows, const LayerWeights& original, LayerWeights reference, LayerWeights* quantized,
                        const std::string& prefix, size_t index, bool vision);
  Status quantize_outer(Slot slot, const char* name, QuantStorage storage, QuantPoint* point, const Matrix& original,
                        Matrix* matrix, ShowRows show, bool same_rows);
  Status add_kept_tensors();
  Status add_static_parts(MetadataList* documents);
  Status step(const std::string& stage, double work);
  bool vision_static() const { return model_->spec.has_vision && is_static(options_.vision); }
  bool text_static() const { return is_static(options_.text); }
  QuantStorage storage_of(Slot slot) const;

  std::unique_ptr<Model> model_;
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
  double work_ = 0, work_done_ = 0;
};

// Of a decoder's matrix. Values that query heads share are few weights, and the error of each reaches all heads of its
// group; that of keys mostly falls out of the softmax.
QuantStorage Quantizer::storage_of(Slot slot) const {
  const DecoderSpec& d = model_->spec.decoder;
  const bool shared = slot == Slot::value && d.kv_heads < d.heads;
  return shared && options_.text == QuantStorage::w4a8 ? options_.shared_heads : options_.text;
}

Status Quantizer::step(const std::string& stage, double work) {
  if (progress_ && progress_(stage.c_str(), work_ > 0 ? work_done_ / work_ : 0))
    return Status::error(Code::cancelled, "stopped on request");
  work_done_ += work;
  return Status::ok();
}

// One layer, point by point: both streams run up to the point, the matrices behind it are rounded for the rows that the
// quantized stream has there.
Status Quantizer::quantize_layer(LayerRows& rows, const LayerWeights& original, LayerWeights reference,
                                 LayerWeights* quantized, const std::string& prefix, size_t index, bool vision) {
  *quantized = reference;
  ReferenceRows recorded;
  recorded.record(rows, rows_.compute(), reference);
  double work = 0;
  for (size_t item = 0; item < rows.items(); ++item)
    work += static_cast<double>(rows.rows(item)) * static_cast<double>(reference.up.rows) *
            static_cast<double>(reference.up.columns);
  for (const LayerPoint& at : kLayerPoints) {
    PointJob job{.name = prefix + at.name,
                 .point = &(quantized->*at.point),
                 .items = rows.items(),
                 .show = {},
                 .matrices = {}};
    const StreamTransform& stream = vision ? model_->weights.vision.stream : model_->weights.decoder.stream;
    job.online = at.point == &LayerWeights::down_in;
    job.rotation = job.online ? stream.down() : nullptr;
    for (const LayerSlot& slot : at.slots) {
      const Matrix& matrix = reference.*slot.matrix;
      if (matrix.rows == 0) continue;
      Slot in_file = vision ? slot.vision : slot.decoder;
      if (vision && in_file == Slot::vision_query && reference.key.rows == 0) in_file = Slot::vision_qkv;
      job.matrices.push_back({prefix + slot.name, names_.slot_name(in_file, static_cast<uint32_t>(index), ""),
                              &(original.*slot.matrix), &matrix, &(quantized->*slot.matrix),
                              vision ? options_.vision : storage_of(slot.decoder)});
      replaced_.insert(job.matrices.back().tensor_name + ".weight");
      replaced_.insert(job.matrices.back().tensor_name + ".bias");
    }
    job.show = [&](size_t item, Stream which, RowObserver* observer) {
      if (which == Stream::reference && recorded.recorded()) {
        recorded.replay(item, quantized->*at.point, observer);
        return Status::ok();
      }
      Compute compute = rows_.compute();
      compute.observer = observer;
      rows.run(compute, which == Stream::reference ? reference : *quantized, item, which, false);
      return Status::ok();
    };
    MICA_TRY(step(job.name, work / 4));
    MICA_TRY(point_.run(job));
  }
  for (size_t item = 0; item < rows.items(); ++item) {
    if (!recorded.recorded()) rows.run(rows_.compute(), reference, item, Stream::reference, true);
    rows.run(rows_.compute(), *quantized, item, Stream::quantized, true);
  }
  return Status::ok();
}

// A matrix outside of the layers, which stands in its own space: patch embedding and projector.
Status Quantizer::quantize_outer(Slot slot, const char* name, QuantStorage storage, QuantPoint* point,
                                 const Matrix& original, Matrix* matrix, ShowRows show, bool same_rows) {
  OwnedBytes memory;
  Matrix reference;
  MICA_TRY(copy_matrix(*matrix, matrix->bias != nullptr, &memory, &reference));
  Matrix quantized = reference;
  PointJob job{.name = std::string(name) + "_in",
               .point = point,
               .items = rows_.tower().items(),
               .show = {},
               .same_rows = same_rows,
               .matrices = {}};
  job.matrices.push_back({name, names_.slot_name(slot, 0, ""), &original, &reference, &quantized, storage});
  replaced_.insert(job.matrices[0].tensor_name + ".weight");
  replaced_.insert(job.matrices[0].tensor_name + ".bias");
  *matrix = reference;
  job.show = std::move(show);
  MICA_TRY(step(job.name, 0));
  MICA_TRY(point_.run(job));
  *matrix = quantized;
  return Status::ok();
}

Status Quantizer::quantize_tower() {
  VisionWeights& w = model_->weights.vision;
  LayerRows& rows = rows_.tower();
  for (size_t item = 0; item < rows.items(); ++item) MICA_TRY(rows_.begin_tile(item, Stream::reference));
  // Pixels have eight bits and the matrix is small: eight bits of weights cost nothing that counts.
  MICA_TRY(quantize_outer(
      Slot::patch_embedding, "vision.patches", QuantStorage::w8a8, &w.patches_in, w.patch_embedding, &w.patch_embedding,
      [&](size_t item, Stream, RowObserver* observer) { return rows_.show_patches(item, observer); }, true));
  for (size_t item = 0; item < rows.items(); ++item) MICA_TRY(rows_.begin_tile(item, Stream::quantized));
  for (size_t i = 0; i < w.layers.size(); ++i) {
    OwnedBytes memory;
    LayerWeights reference = w.layers[i];
    MICA_TRY(transform_vision_layer(*model_, i, &memory, &reference));
    LayerWeights quantized;
    MICA_TRY(
        quantize_layer(rows, w.layers[i], reference, &quantized, "vision.layers." + std::to_string(i) + ".", i, true));
    w.layers[i] = quantized;
  }
  return quantize_projector();
}

Status Quantizer::quantize_projector() {
  VisionWeights& w = model_->weights.vision;
  OwnedBytes memory;
  const Matrix original_up = w.projector_up, original_down = w.projector_down;
  MICA_TRY(transform_projector(&memory, model_.get()));
  // While one stream's matrix is quantized, the other stream's stays as it was.
  const Matrix reference_up = w.projector_up;
  Matrix quantized_up = reference_up;
  const auto show = [&](size_t item, Stream stream, RowObserver* observer) {
    const Matrix current = w.projector_up;
    w.projector_up = stream == Stream::reference ? reference_up : quantized_up;
    rows_.show_projector(item, stream, observer);
    w.projector_up = current;
    return Status::ok();
  };
  MICA_TRY(quantize_outer(Slot::projector_up, "vision.projector", options_.vision, &w.projector_in, original_up,
                          &w.projector_up, show, false));
  quantized_up = w.projector_up;
  MICA_TRY(quantize_outer(Slot::projector_down, "vision.projector_down", options_.vision, &w.projector_down_in,
                          original_down, &w.projector_down, show, false));
  rows_.finish_tower();
  return Status::ok();
}

Status Quantizer::quantize_decoder() {
  DecoderWeights& w = model_->weights.decoder;
  rows_.begin_decoder();
  for (size_t i = 0; i < w.layers.size(); ++i) {
    OwnedBytes memory;
    LayerWeights reference = w.layers[i];
    MICA_TRY(transform_decoder_layer(*model_, i, &memory, &reference));
    LayerWeights quantized;
    MICA_TRY(quantize_layer(rows_.decoder(), w.layers[i], reference, &quantized, "layers." + std::to_string(i) + ".", i,
                            false));
    w.layers[i] = quantized;
  }
  return Status::ok();
}

// The scale of the rows that enter the head, the factors by which they are balanced with its weights, and whether both
// are rotated then.
Status Quantizer::balance_head(std::vector<float>* factors) {
  DecoderWeights& w = model_->weights.decoder;
  ChannelSizes sizes(w.head_in.index);
  for (size_t item = 0; item < rows_.decoder().items(); ++item) rows_.show_head(item, &sizes);
  *factors = balance(sizes, *rows_.compute().kernels->f32, w.lm_head);
  std::vector<float> norm(factors->size());
  for (size_t i = 0; i < norm.size(); ++i)
    norm[i] = (w.final_norm.weight ? w.final_norm.weight[i] : 1.0f) / (*factors)[i];
  StreamTransform rotated = w.stream;
  rotated.vocabulary_rotation = rotated.rotated;
  BalancedRange range(rows_.compute(), w.head_in.index, *factors, rotated);
  for (size_t item = 0; item < rows_.decoder().items(); ++item) rows_.show_head(item, &range);
  w.stream.vocabulary_rotation = rotated.vocabulary_rotation;
  const float largest = range.max();
  w.head_in.scale_visual = w.head_in.scale_text = largest > 0 ? largest / 127.0f : 1.0f;
  PointReport report;
  report.name = "head_in";
  report.max_text = largest;
  report.scale_visual = report.scale_text = w.head_in.scale_text;
  report_->points.push_back(std::move(report));
  const std::string name = names_.slot_name(Slot::final_norm, 0, ".weight");
  replaced_.insert(name);
  return tensors_.add_floats(name, norm.data(), norm.size());
}

Status Quantizer::quantize_head() {
  DecoderWeights& w = model_->weights.decoder;
  const bool tied = w.lm_head.data == w.embedding.data;
  std::vector<float> factors;
  if (text_static()) MICA_TRY(balance_head(&factors));
  if (tied && !factors.empty()) {
    std::vector<float> columns;
    for (const float factor : factors) columns.push_back(1.0f / factor);
    MICA_TRY(tensors_.add_floats(static_format::kEmbeddingColumns, columns.data(), columns.size()));
  }
  const std::pair<Slot, Matrix*> matrices[] = {{Slot::embedding, &w.embedding}, {Slot::lm_head, &w.lm_head}};
  for (const auto& [slot, matrix] : matrices) {
    if (slot == Slot::lm_head && tied) break;
    const char* title = slot == Slot::embedding ? "embedding" : "head";
    const bool balanced = !factors.empty() && (tied || slot == Slot::lm_head);
    const Matrix original = *matrix;
    const std::string name = names_.slot_name(slot, 0, "");
    MICA_TRY(step(title, 0));
    MICA_TRY(point_.round_alone({title, name, &original, nullptr, matrix, options_.head},
                                balanced ? factors.data() : nullptr, w.stream));
    replaced_.insert(name + ".weight");
    replaced_.insert(name + ".bias");
  }
  return Status::ok();
}

// Every tensor of the family that is not replaced: names by slot and layer, so that what no loop reads stays behind.
Status Quantizer::add_kept_tensors() {
  const ModelSpec& spec = model_->spec;
  const auto drop = [&](std::span<const Slot> slots, uint32_t layers) {
    for (const Slot slot : slots)
      for (uint32_t i = 0; i < layers; ++i)
        for (const char* suffix : {"", ".weight", ".bias"}) replaced_.insert(names_.slot_name(slot, i, suffix));
  };
  if (text_static()) drop(kFoldedDecoder, spec.decoder.layers);
  if (vision_static()) drop(kFoldedVision, spec.vision.layers);
  for (const auto& table : spec.family->tensors)
    for (const TensorName& name : table) {
      const bool vision = name.part == Part::vision || name.part == Part::projector;
      const uint32_t layers = !name.layered ? 1 : vision ? spec.vision.layers_used : spec.decoder.layers;
      for (uint32_t i = 0; i < layers; ++i)
        for (const char* suffix : {"", ".weight", ".bias"}) {
          const std::string full = names_.slot_name(name.slot, i, suffix);
          const TensorView* tensor = full.empty() ? nullptr : model_->files->find(full);
          if (tensor != nullptr && replaced_.insert(full).second) tensors_.add_copy(*tensor);
        }
    }
  return Status::ok();
}

// Scales of the points, signs, and what the streams do online.
Status Quantizer::add_static_parts(MetadataList* documents) {
  if (!text_static() && !vision_static()) return Status::ok();
  Weights& weights = model_->weights;
  const std::vector<NamedPoint> points = quant_points(&weights);
  const size_t padded = round_up(points.size(), 16);
  std::vector<float> scales(2 * padded, 0.0f);
  for (size_t i = 0; i < points.size(); ++i) {
    scales[i] = points[i].point->scale_visual;
    scales[padded + i] = points[i].point->scale_text;
  }
  uint8_t* bytes = own_bytes(scales.size() * sizeof(float), &panels_);
  if (bytes == nullptr) return Status::error(Code::out_of_memory, "no memory for the scales");
  std::memcpy(bytes, scales.data(), scales.size() * sizeof(float));
  tensors_.add(static_format::kPointScales, DType::f32, {2, padded}, {bytes, scales.size() * sizeof(float)});
  std::string json = std::string("{\"aifs\": ") + (options_.aifs ? "true" : "false");
  const std::pair<const char*, const StreamTransform*> streams[] = {
      {static_format::kDecoderSigns, &weights.decoder.stream}, {static_format::kVisionSigns, &weights.vision.stream}};
  for (const auto& [name, stream] : streams) {
    const auto flag = [](bool value) { return value ? "true" : "false"; };
    json += std::string(", \"") + (stream == &weights.decoder.stream ? "decoder" : "vision") +
            "\": {\"folded\": " + flag(stream->folded) + ", \"head_rotation\": " + flag(stream->head_rotation) +
            ", \"down_rotation\": " + flag(stream->down_rotation);
    if (stream == &weights.decoder.stream)
      json += std::string(", \"vocabulary_rotation\": ") + flag(stream->vocabulary_rotation);
    // A tower whose matrices are integers attends in integers too (integer_attention.hpp has its error).
    if (stream == &weights.vision.stream && vision_static())
      json += std::string(", \"") + static_format::kAttention + "\": \"" + static_format::kAttentionInt8 + "\"";
    json += "}";
    if (!stream->rotated) continue;
    const size_t sign_bytes = round_up(stream->signs.size() * sizeof(uint32_t), 64);
    uint8_t* signs = own_bytes(sign_bytes, &panels_);
    if (signs == nullptr) return Status::error(Code::out_of_memory, "no memory for the signs");
    std::memset(signs, 0, sign_bytes);
    std::memcpy(signs, stream->signs.data(), stream->signs.size() * sizeof(uint32_t));
    tensors_.add(name, DType::u8, {sign_bytes}, {signs, sign_bytes});
  }
  documents->emplace_back(static_format::kStaticKey, json + "}");
  return Status::ok();
}

Status Quantizer::run(const std::vector<CalibrationSample>& samples, const char* path) {
  MICA_TRY(names_.choose_roots(model_->spec));
  report_->model = model_->files->path();
  report_->bytes_before = model_->weights.bytes;
  if (text_static() || vision_static()) {
    MICA_TRY(step("samples", 0));
    MICA_TRY(rows_.create(*model_, samples, options_.threads, &report_->warnings));
    MICA_TRY(transform_streams(
        {.decoder = text_static(), .vision = vision_static(), .rotate = options_.rotation, .seed = options_.seed},
        model_.get()));
    MICA_TRY(rows_.plan());
    report_->samples = rows_.samples();
    report_->tokens_visual = rows_.tokens_visual();
    report_->tokens_text = rows_.tokens_text();
    const auto rows_times = [](LayerRows& rows, double parameters) {
      double work = 0;
      for (size_t item = 0; item < rows.items(); ++item) work += static_cast<double>(rows.rows(item)) * parameters;
      return work;
    };
    const DecoderSpec& d = model_->spec.decoder;
    const VisionSpec& v = model_->spec.vision;
    if (vision_static())
      work_ += rows_times(rows_.tower(), static_cast<double>(v.layers_used) * v.hidden * v.feed_forward);
    if (text_static()) work_ += rows_times(rows_.decoder(), static_cast<double>(d.layers) * d.hidden * d.feed_forward);
    if (vision_static() && rows_.tower().items() == 0)
      return Status::error(Code::invalid_argument,
                           "no sample has a picture, and a vision tower is to be quantized: give pictures, or keep the "
                           "tower in 16 bits");
    if (vision_static()) MICA_TRY(quantize_tower());
    if (text_static()) MICA_TRY(quantize_decoder());
  }
  if (is_static(options_.head)) MICA_TRY(quantize_head());
  MetadataList documents;
  MICA_TRY(packed_documents(*model_->files, &documents));
  add_kv_preference(options_.kv_visual_bits, &documents);
  MICA_TRY(add_static_parts(&documents));
  MICA_TRY(add_kept_tensors());
  work_done_ = work_;
  MICA_TRY(step("writing", 0));
  return tensors_.write(path, documents);
}

}  // namespace

Status quantize(std::unique_ptr<ModelFiles> files, const std::vector<CalibrationSample>& samples,
                const QuantizeOptions& options, const QuantizeProgress& progress, const char* path,
                QuantizeReport* report) {
  const auto start = std::chrono::steady_clock::now();
  QuantizeReport unread;
  QuantizeReport* out = report ? report : &unread;
  std::unique_ptr<Model> model;
  MICA_TRY(open_model(std::move(files), &model));
  if (model->files->kind() == ModelFiles::Kind::packed && !model->files->metadata(static_format::kStaticKey).empty())
    return Status::error(Code::invalid_argument, "%s is quantized already; start from the checkpoint",
                         model->files->path());
  QuantizeOptions resolved = options;
  if (resolved.threads == 0) resolved.threads = default_threads();
  MICA_TRY(Quantizer(std::move(model), resolved, progress, out).run(samples, path));
  out->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out->peak_bytes = peak_bytes();
  return Status::ok();
}

}  // namespace mica
