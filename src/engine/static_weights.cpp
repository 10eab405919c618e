// The static parts of a packed file: its transforms and the scales of its quant points. Their meaning:
// static_format.hpp.
#include <cmath>
#include <string>

#include "json.hpp"
#include "static_format.hpp"
#include "stream_transform.hpp"
#include "tensor_source.hpp"

namespace mica {
namespace {

Status read_stream(JsonValue root, const char* name, StreamTransform* stream) {
  const JsonValue part = root.find(name);
  if (part.is_set() && !part.is_object()) return part.error(Code::corrupt_file, "must be an object");
  for (const StreamFlag& flag : kStreamFlags)
    if (flag.word != nullptr) MICA_TRY(get_bool_or(part, flag.word, false, &(stream->*flag.value)));
  return Status::ok();
}

Status read_attention(JsonValue part, StreamTransform* stream) {
  std::string_view text;
  MICA_TRY(get_string_or(part, static_format::kAttention, static_format::kAttentionFloat, &text));
  stream->integer_attention = text == static_format::kAttentionInt8;
  if (stream->integer_attention || text == static_format::kAttentionFloat) return Status::ok();
  return Status::error(Code::unsupported, "attention in \"%.*s\" is not known; \"%s\" and \"%s\" are",
                       static_cast<int>(text.size()), text.data(), static_format::kAttentionInt8,
                       static_format::kAttentionFloat);
}

// Signs are bits in bytes, padded; empty when the stream is not rotated.
Status read_signs(const ModelFiles& files, const char* name, size_t width, std::vector<uint32_t>* out, bool* rotated) {
  const TensorView* tensor = files.find(name);
  *rotated = tensor != nullptr;
  if (tensor == nullptr) return Status::ok();
  out->assign((width + 31) / 32, 0);
  if (tensor->dtype != DType::u8 || tensor->bytes.size() < (width + 7) / 8)
    return Status::error(Code::corrupt_file, "%s: \"%s\" does not hold a sign for each of %zu channels", files.path(),
                         name, width);
  for (size_t i = 0; i < width; ++i)
    (*out)[i / 32] |= static_cast<uint32_t>(tensor->bytes[i / 8] >> (i % 8) & 1) << (i % 32);
  return Status::ok();
}

// A packed matrix needs the scales of the point before it, and matrices that share a point read the same kind of rows.
// `readers`: those with rows. `behind`: of a point whose rows are rotated online the stream, which may keep a channel
// apart (rank-1 term); of others null.
Status check_readers(const QuantPoint& point, std::span<const Matrix* const> readers, const char* path,
                     const StreamTransform* behind = nullptr) {
  if (readers.empty()) return Status::ok();
  const Matrix& first = *readers[0];
  for (const Matrix* reader : readers) {
    if (reader->rank1 != nullptr && (behind == nullptr || !behind->down_rotation))
      return Status::error(Code::corrupt_file,
                           "%s: a matrix that reads quant point %u has a rank-1 term, but no rotation before it", path,
                           point.index);
    if (reader->kept_count != 0 && behind == nullptr)
      return Status::error(Code::corrupt_file,
                           "%s: a matrix that reads quant point %u keeps channels in float, which only \"down\" may",
                           path, point.index);
  }
  for (const Matrix* reader : readers)
    if (reader->reads_point() != first.reads_point())
      return Status::error(Code::corrupt_file, "%s: matrices that read quant point %u are packed in part", path,
                           point.index);
  if (first.reads_point() && !(point.scale_visual > 0 && point.scale_text > 0))
    return Status::error(Code::corrupt_file, "%s: quant point %u has no scale, but its matrix is packed", path,
                         point.index);
  return Status::ok();
}

Status check_layers(const std::vector<LayerWeights>& layers, const StreamTransform& stream, const char* path) {
  for (const LayerWeights& layer : layers) {
    for (const SiteInfo& at : sites_of_layers()) {
      std::vector<const Matrix*> readers;
      for (const PartInfo& part : parts_of_layers())
        if (part.reads == at.site && layer.matrices[part.slot].rows != 0)
          readers.push_back(&layer.entered(part.slot));
      MICA_TRY(check_readers(layer.points[at.site], readers, path, at.online ? &stream : nullptr));
    }
    for (const Slot slot : {Slot::query, Slot::key}) {
      const FirstFactor* factor = layer.first_of(slot);
      if (factor == nullptr) continue;
      const Matrix* second = &layer.matrices[slot];
      if (second->rows == 0 || layer.matrices[visual_slot(slot)].rows != 0)
        return Status::error(Code::corrupt_file, "%s: a %s matrix has a first factor %s", path, part_of(slot).name,
                             second->rows == 0 ? "and no second one" : "and an expert for visual rows beside it");
      MICA_TRY(check_readers(factor->point, {&second, 1}, path));
    }
  }
  return Status::ok();
}

Status check_steps(const StepWeights& weights, const char* path) {
  for (const PartInfo& part : parts_of_tower()) {
    if (part.kind != PartKind::matrix) continue;
    std::vector<const Matrix*> readers;
    for (const PartInfo& other : parts_of_tower())
      if (other.kind == PartKind::matrix && other.reads == part.reads && weights.matrices[other.slot].rows != 0)
        readers.push_back(&weights.matrices[other.slot]);
    MICA_TRY(check_readers(weights.points[part.reads], readers, path));
  }
  return Status::ok();
}

Status check_scales(const Weights& weights, const char* path) {
  MICA_TRY(check_layers(weights.decoder.layers, weights.decoder.stream, path));
  for (const VisionWeights* tower : {&weights.vision, &weights.frames}) {
    MICA_TRY(check_layers(tower->layers, tower->stream, path));
    MICA_TRY(check_layers(tower->inner, tower->stream, path));
    MICA_TRY(check_steps(*tower, path));
  }
  for (const StepWeights& tap : weights.vision.taps) MICA_TRY(check_steps(tap, path));
  const Matrix* head = &weights.decoder.lm_head;
  return check_readers(weights.decoder.head_in, {&head, 1}, path);
}

}  // namespace

Status FileTensors::transforms(const ModelSpec& spec, Weights* weights) {
  MICA_TRY(tags_.read(files_));
  const std::string_view text = files_.metadata(static_format::kStaticKey);
  if (files_.kind() != ModelFiles::Kind::packed || text.empty()) return Status::ok();
  Json json;
  MICA_TRY(parse_json({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, static_format::kStaticKey, &json)
               .in(files_.path()));
  if (!json.root().is_object())
    return Status::error(Code::corrupt_file, "%s: \"%s\" is no object", files_.path(), static_format::kStaticKey);
  MICA_TRY(get_bool_or(json.root(), "aifs", true, &weights->aifs).in(files_.path()));
  StreamTransform& decoder = weights->decoder.stream;
  std::vector<uint32_t> signs;
  MICA_TRY(read_stream(json.root(), "decoder", &decoder));
  MICA_TRY(read_signs(files_, static_format::kDecoderSigns, spec.decoder.hidden, &signs, &decoder.rotated));
  MICA_TRY(complete_transform(decoder_stream(spec), 1, signs, &decoder).in(files_.path()));
  if (decoder.vocabulary_rotation && !decoder.rotated)
    return Status::error(Code::corrupt_file, "%s: the vocabulary is rotated, but the residual stream is not",
                         files_.path());
  if (!spec.has_vision) return Status::ok();
  StreamTransform& vision = weights->vision.stream;
  const VisionSpec& v = spec.vision;
  MICA_TRY(read_stream(json.root(), "vision", &vision));
  MICA_TRY(read_attention(json.root().find("vision"), &vision).in(files_.path()));
  MICA_TRY(read_signs(files_, static_format::kVisionSigns, v.hidden, &signs, &vision.rotated));
  MICA_TRY(complete_transform(vision_stream(spec), static_cast<size_t>(v.merge) * v.merge, signs, &vision)
               .in(files_.path()));
  share_transform(spec, weights);
  return Status::ok();
}

Status FileTensors::static_parts(const ModelSpec& spec, Weights* weights) {
  const std::vector<NamedPoint> points = quant_points(spec, weights);
  place_directions(spec, weights);
  if (const TensorView* columns = files_.find(static_format::kEmbeddingColumns))
    MICA_TRY(
        widen(*columns, static_format::kEmbeddingColumns, spec.decoder.hidden, &weights->decoder.embedding_columns));
  const TensorView* scales = files_.find(static_format::kPointScales);
  if (scales == nullptr) return check_scales(*weights, files_.path());
  if (scales->dtype != DType::f32 || scales->rank != 2 || scales->shape[0] != 2 || scales->shape[1] < points.size())
    return Status::error(Code::corrupt_file, "%s: \"%s\" does not hold two scales for each of %zu quant points",
                         files_.path(), static_format::kPointScales, points.size());
  const float* values = reinterpret_cast<const float*>(scales->bytes.data());
  for (size_t i = 0; i < points.size(); ++i) {
    points[i].point->scale_visual = values[i];
    points[i].point->scale_text = values[scales->shape[1] + i];
    for (float scale : {points[i].point->scale_visual, points[i].point->scale_text})
      if (scale != 0 && !(std::isnormal(scale) && scale > 0))  // one over it is finite too
        return Status::error(Code::corrupt_file, "%s: the scale of %s is not a positive number", files_.path(),
                             points[i].name.c_str());
  }
  return check_scales(*weights, files_.path());
}

}  // namespace mica
