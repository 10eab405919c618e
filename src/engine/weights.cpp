// Weights: finds tensors by a family's name tables, checks their shapes against the spec, places them. Not arithmetic.
#include "weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>
#include <optional>
#include <string>

#include "checked.hpp"
#include "family.hpp"
#include "log.hpp"
#include "tensor_source.hpp"

namespace mica {
namespace {

constexpr Place decoder_place(Slot slot) { return {Section::decoder, slot}; }
// Of a matrix as it is stored; ends at the first byte that says otherwise.
bool is_zero(const Matrix& matrix) {
  const auto* bytes = static_cast<const uint8_t*>(matrix.data);
  return std::all_of(bytes, bytes + matrix.bytes(), [](uint8_t byte) { return byte == 0; });
}

constexpr Place kHead = {Section::head, Slot::lm_head};

class Loader {
 public:
  Loader(TensorSource* source, const ModelSpec& spec, Weights* out) : source_(source), spec_(spec), out_(out) {}

  Status load() {
    MICA_TRY(source_->choose_roots(spec_));
    MICA_TRY(source_->transforms(spec_, out_));
    MICA_TRY(load_decoder());
    if (spec_.has_vision) MICA_TRY(load_vision());
    out_->parameters = source_->parameters();
    out_->bytes = source_->bytes();
    return source_->static_parts(spec_, out_);
  }

 private:
  // A norm, which layers of this kind may be said to have or to lack, whatever else is stored.
  Status norm(const Place& place, size_t width, bool biased, NormWeights* target, const Said& said = {}) {
    MICA_TRY(source_->vector(place, ".weight", width, &target->weight));
    if (biased) MICA_TRY(source_->vector(place, ".bias", width, &target->bias));
    if (!said.known || said.has == (target->weight != nullptr)) return Status::ok();
    if (said.has) return source_->missing(place);
    if (place.layer == 0 && place.slot == Slot::query_norm)
      log_message(LogLevel::warning, "%s: norms of heads are stored that decoders of this kind have not; not used",
                  source_->path());
    *target = {};
    return Status::ok();
  }

  // A matrix, whose bias the config may say is there or not. Checkpoints only: quantization folds biases into what has
  // none.
  Status matrix(const Place& place, const MatrixShape& shape, const Said& biased, Matrix* target) {
    MICA_TRY(source_->matrix(place, shape, target));
    if (target->rows == 0 || !biased.known || source_->packed()) return Status::ok();
    if ((target->bias != nullptr) == biased.has) return Status::ok();
    if (place.layer == 0 && biased.field != bias_warned_)
      log_message(LogLevel::warning,
                  biased.has ? "%s: the config says %s, but no such bias is stored; none is added"
                             : "%s: a bias is stored that the config's %s excludes; it is not used",
                  source_->path(), biased.field);
    bias_warned_ = biased.field;
    target->bias = nullptr;
    return Status::ok();
  }
  // Of a layer; a tower may keep what enters and leaves it within bounds.
  Status bounded_matrix(const Place& place, const MatrixShape& shape, const Said& biased, Matrix* target) {
    MICA_TRY(matrix(place, shape, biased, target));
    const bool bounds = place.section == Section::vision && spec_.vision.bounds_rows && target->rows != 0;
    return bounds ? source_->bounds(place, &target->bounds) : Status::ok();
  }
  // The matrix of a slot, or the two whose product is in its place.
  Status factored_matrix(const Place& place, MatrixShape shape, const Said& biased, LayerWeights* w) {
    if (place.section == Section::decoder && (place.slot == Slot::query || place.slot == Slot::key)) {
      Matrix& first = w->first[place.slot].matrix;
      MICA_TRY(source_->first_factor(place, shape, &first));
      if (first.rows != 0) shape.columns = first.rows;
      out_->decoder.factor_width = std::max(out_->decoder.factor_width, first.rows);
    }
    return bounded_matrix(place, shape, biased, &w->matrices[place.slot]);
  }
  // Folded norms and scales are absent from the file and leave ones and zeros.
  Status load_layer(const StreamSpec& stream, bool folded, uint32_t index, LayerWeights* w) {
    const FusedShape fused = {stream.width(Width::query), stream.width(Width::key), stream.width(Width::head)};
    const bool of_decoder = stream.section == Section::decoder;
    const LayerSpec layer = stream.layer(index);
    for (const PartInfo& part : parts_of_layers()) {
      if (!is_part_of(part, layer)) continue;
      const Place place = {stream.section, part.slot, index};
      const Said& said = stream.says(part.said_by);
      const size_t rows = stream.width(part.rows);
      if (part.kind == PartKind::matrix)
        MICA_TRY(factored_matrix(place, {rows, stream.width(part.columns), fused}, said, w));
      else if (folded && is_folded(part.slot))
        continue;
      else if (part.kind == PartKind::norm)
        MICA_TRY(norm(place, rows, stream.norm == Norm::layer && part.said_by != SaidBy::head_norms,
                      &w->norms[part.slot], said));
      else if (!said.known || said.has)
        MICA_TRY(source_->vector(place, "", rows, &w->vectors[part.slot]));
    }
    if (of_decoder ? spec_.decoder.value_norms : spec_.vision.value_norms) MICA_TRY(ones(stream.width(Width::head), w));
    if (!of_decoder) scale_queries(stream.width(Width::head), w);
    return of_decoder && !folded ? multiply_residuals(w) : Status::ok();
  }

  // A norm of values without weights is one with weights of one.
  Status ones(size_t width, LayerWeights* w) {
    float* weight = nullptr;
    MICA_TRY(own_floats(width, 1, &weight));
    w->norms[Slot::value_norm].weight = weight;
    return Status::ok();
  }
  // What a tower multiplies into products of queries and keys is a part of the norm that queries pass: attention
  // divides by the root of a head's size.
  void scale_queries(size_t width, LayerWeights* w) {
    const float scale = spec_.vision.attention_scale;
    auto* weight = const_cast<float*>(w->norms[Slot::query_norm].weight);  // widened into our own memory
    for (size_t i = 0; scale != 0 && i < width; ++i) weight[i] *= scale * std::sqrt(static_cast<float>(width));
  }
  Status own_floats(size_t count, float value, float** out) {
    *out = reinterpret_cast<float*>(own_bytes(count * sizeof(float), &out_->owned));
    if (*out == nullptr) return Status::error(Code::out_of_memory, "no memory for %zu floats", count);
    std::fill_n(*out, count, value);
    return Status::ok();
  }

  // One factor for all that a layer adds is a LayerScale of equal values.
  Status multiply_residuals(LayerWeights* w) {
    const float factor = spec_.decoder.multipliers.residual;
    if (factor == 1) return Status::ok();
    float* scale = nullptr;
    MICA_TRY(own_floats(spec_.decoder.hidden, factor, &scale));
    w->vectors[Slot::attention_scale] = w->vectors[Slot::mlp_scale] = scale;
    return Status::ok();
  }

  Status load_layers(const StreamSpec& stream, bool folded, std::vector<LayerWeights>* layers) {
    layers->resize(stream.layers);
    for (uint32_t i = 0; i < stream.layers; ++i) MICA_TRY(load_layer(stream.at(i), folded, i, &(*layers)[i]));
    return Status::ok();
  }

  Status load_decoder() {
    const DecoderSpec& d = spec_.decoder;
    DecoderWeights& w = out_->decoder;
    MICA_TRY(load_vocabulary());
    if (d.layer_input != 0) {
      const size_t inputs = size_t{d.layers} * d.layer_input;
      MICA_TRY(source_->matrix(decoder_place(Slot::layer_input_table), {d.layer_input_vocabulary, inputs},
                               &w.layer_input_table));
      MICA_TRY(source_->matrix(decoder_place(Slot::layer_input_projection), {inputs, d.hidden},
                               &w.layer_input_projection));
      MICA_TRY(norm(decoder_place(Slot::layer_inputs_norm), d.layer_input, false, &w.layer_inputs_norm));
      MICA_TRY(check_head(w.layer_input_projection));
    }
    MICA_TRY(load_layers(decoder_stream(spec_), w.stream.folded, &w.layers));
    MICA_TRY(norm(decoder_place(Slot::final_norm), d.hidden, false, &w.final_norm));
    // What divides the logits divides the rows that they are products of.
    auto* weight = const_cast<float*>(w.final_norm.weight);  // widened into our own memory
    for (size_t i = 0; d.multipliers.logits_divisor != 1 && i < d.hidden; ++i)
      weight[i] /= d.multipliers.logits_divisor;
    return Status::ok();
  }

  // Embedding and head as they are stored, whatever tie_word_embeddings says: both, where they differ; what there is of
  // them for both, where the other is not stored. So does transformers.
  Status load_vocabulary() {
    const DecoderSpec& d = spec_.decoder;
    DecoderWeights& w = out_->decoder;
    const bool head_only =
        d.tied_embeddings && !source_->stored(decoder_place(Slot::embedding)) && source_->stored(kHead);
    MICA_TRY(source_->matrix(head_only ? kHead : decoder_place(Slot::embedding), {d.vocabulary, d.hidden}, &w.embedding));
    if (!source_->packed() && is_zero(w.embedding))
      return Status::error(Code::corrupt_file,
                           "%s: the embedding is zeros from end to end, as in a file whose download was begun and not "
                           "finished: fetch it again",
                           source_->path());
    const bool two = !head_only && source_->stored(kHead) && !(d.tied_embeddings && source_->same_vocabulary());
    if (two) {
      MICA_TRY(source_->matrix(kHead, {d.vocabulary, d.hidden}, &w.lm_head));
      if (d.tied_embeddings && !source_->packed())
        log_message(LogLevel::warning,
                    "%s: tie_word_embeddings is true, but the stored lm_head differs from the embedding; it is used",
                    source_->path());
      return check_head(w.lm_head);
    }
    if (!d.tied_embeddings && !source_->packed() && !head_only)
      log_message(LogLevel::warning,
                  "%s: tie_word_embeddings is false, but no lm_head is stored; the embedding is used for it",
                  source_->path());
    w.lm_head = w.embedding;
    return check_head(w.lm_head);
  }

  // Rows enter the head in float, or in integers of a quant point, which only mica's own files have.
  Status check_head(const Matrix& head) const {
    if (source_->packed() || (!head.is_packed() && !head.keeps_rows())) return Status::ok();
    return Status::error(Code::unsupported,
                         "%s: the head is quantized with static ranges (or is such an embedding), which mica runs in "
                         "layers only: take the checkpoint in BF16 from which it was made",
                         source_->path());
  }

  Status load_tower(const StreamSpec& stream, VisionWeights* tower) {
    MICA_TRY(load_steps(stream, stem_steps(spec_), {}, tower));
    return load_layers(stream, tower->stream.folded, &tower->layers);
  }

  Status load_vision() {
    VisionWeights& w = out_->vision;
    const StreamSpec stream = vision_stream(spec_);
    bias_warned_ = nullptr;
    MICA_TRY(load_tower(stream, &w));
    if (has_frame_tower(spec_)) MICA_TRY(load_tower(frame_stream(spec_), &out_->frames));
    MICA_TRY(load_layers(inner_stream(spec_), w.stream.folded, &w.inner));
    MICA_TRY(load_steps(stream, inner_steps(spec_), {}, &w));
    w.taps.resize(spec_.vision.taps.count);
    for (uint32_t i = 0; i < spec_.vision.taps.count; ++i)
      MICA_TRY(load_steps(stream, tap_steps(spec_), i, &w.taps[i]));
    return load_steps(stream, projector_steps(spec_), {}, &w);
  }

  // Of a step's vectors: a row, one for each row of a tile, or as many as a table or queries have.
  size_t rows_of(const StepAt& at) const {
    const VisionSpec& v = spec_.vision;
    switch (at.op) {
      case Op::add: return at.in.count(v.image_height / v.patch, v.image_width / v.patch);
      case Op::resample: return v.position_count;
      case Op::add_axes: return size_t{2} * v.position_count;
      case Op::attend: return v.queries;
      default: return 1;
    }
  }

  // `tap`: whose they are; none: the tower's.
  Status load_steps(const StreamSpec& stream, const StepPlan& steps, std::optional<uint32_t> tap, StepWeights* weights) {
    const VisionSpec& v = spec_.vision;
    const bool folded = out_->vision.stream.folded;
    StepWeights& w = *weights;
    for (const StepAt& at : steps)
      for (const Slot slot : slots_of(at.op, at.slot, at.second)) {
        const PartInfo& part = part_of(slot);
        const Section section = part.section == Section::vision ? stream.section : part.section;
        const Place place = tap ? Place{Section::tap, slot, *tap} : Place{section, slot};
        if (part.kind == PartKind::matrix) {
          const FusedShape fused = {v.query_width, v.query_width, 1, at.in.patches()};
          const MatrixShape shape = {stream.width(part.rows), at.in.width, fused};
          MICA_TRY(matrix(place, shape, stream.says(part.said_by), &w.matrices[slot]));
          if (w.matrices[slot].keeps_rows())
            return Status::error(Code::unsupported, "%s: \"%s\" is quantized with static ranges, which mica runs in "
                                 "layers only", source_->path(), part.name);
        } else if (part.kind == PartKind::norm) {
          const bool biased = norm_of_tower(v, slot).kind == Norm::layer;
          if (!folded || !is_folded(slot)) MICA_TRY(norm(place, at.in.width, biased, &w.norms[slot]));
        } else {
          MICA_TRY(source_->vector(place, "", rows_of(at) * at.in.width, &w.vectors[slot]));
        }
      }
    return Status::ok();
  }

  TensorSource* source_;
  const ModelSpec& spec_;
  Weights* out_;
  const char* bias_warned_ = nullptr;  // the field that the newest warning is of
};

void name_layers(std::vector<LayerWeights>* layers, const std::string& prefix, std::vector<NamedPoint>* out) {
  for (size_t i = 0; i < layers->size(); ++i) {
    const std::string name = prefix + "layers." + std::to_string(i) + ".";
    for (const SiteInfo& at : sites_of_layers()) out->push_back({&(*layers)[i].points[at.site], name + at.name});
  }
}

// Behind all others, so that these keep their places whichever matrices are factored.
void name_factors(std::vector<LayerWeights>* layers, std::vector<NamedPoint>* out) {
  for (size_t i = 0; i < layers->size(); ++i)
    for (const Slot slot : {Slot::query, Slot::key})
      if ((*layers)[i].first_of(slot) != nullptr)
        out->push_back({&(*layers)[i].first[slot].point,
                        "layers." + std::to_string(i) + "." + part_of(slot).name + "_factor_in"});
}

void name_steps(const StepPlan& steps, const std::string& prefix, StepWeights* weights, std::vector<NamedPoint>* out) {
  for (const StepAt& at : steps) {
    Site last = Site::count;
    for (const Slot slot : slots_of(at.op, at.slot, at.second)) {
      const Site site = part_of(slot).reads;
      if (site == Site::count || site == last) continue;
      out->push_back({&weights->points[site], prefix + name_of(site)});
      last = site;
    }
  }
}

}  // namespace

const Matrix& LayerWeights::reader(Site site) const {
  const PartInfo* last = nullptr;
  for (const PartInfo& part : parts_of_layers()) {
    if (part.reads != site) continue;
    last = &part;
    if (matrices[part.slot].rows != 0) break;
  }
  return entered(last->slot);
}

uint64_t decode_bytes(const DecoderWeights& weights) {
  uint64_t bytes = weights.lm_head.bytes();
  for (const LayerWeights& layer : weights.layers) {
    for (const PartInfo& part : parts_of_layers())
      if (part.kind == PartKind::matrix && !part.visual) bytes += layer.matrices[part.slot].bytes();
    for (const FirstFactor& factor : layer.first) bytes += factor.matrix.bytes();
  }
  return bytes;
}

std::vector<NamedPoint> quant_points(const ModelSpec& spec, Weights* weights) {
  std::vector<NamedPoint> out;
  name_layers(&weights->decoder.layers, "", &out);
  out.push_back({&weights->decoder.head_in, "head_in"});
  if (spec.has_vision) {
    VisionWeights& vision = weights->vision;
    name_steps(stem_steps(spec), "vision.", &vision, &out);
    name_layers(&vision.layers, "vision.", &out);
    name_layers(&vision.inner, inner_stream(spec).prefix, &out);
    name_steps(inner_steps(spec), "vision.", &vision, &out);
    for (size_t i = 0; i < vision.taps.size(); ++i)
      name_steps(tap_steps(spec), "vision.taps." + std::to_string(i) + ".", &vision.taps[i], &out);
    name_steps(projector_steps(spec), "vision.", &vision, &out);
    if (has_frame_tower(spec)) {
      name_steps(stem_steps(spec), "frames.", &weights->frames, &out);
      name_layers(&weights->frames.layers, "frames.", &out);
    }
  }
  name_factors(&weights->decoder.layers, &out);
  for (size_t i = 0; i < out.size(); ++i) out[i].point->index = static_cast<uint32_t>(i);
  weights->quant_points = static_cast<uint32_t>(out.size());
  return out;
}

Status load_weights(const ModelFiles& files, const ModelSpec& spec, Weights* out) {
  FileTensors source(files, &out->owned);
  MICA_TRY(Loader(&source, spec, out).load());
  source.warn_of_unread(spec);
  return Status::ok();
}

Status make_random_weights(const ModelSpec& spec, WeightFormat text, WeightFormat vision, bool present,
                           Weights* out) {
  RandomTensors source(text, vision, present, &out->owned);
  out->present = present;
  return Loader(&source, spec, out).load();
}

}  // namespace mica
