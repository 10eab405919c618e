// Describe: the static parts of a packed model: how each part is stored, what is rotated, which rows have their own
// scale. What the words mean: engine/static_format.hpp.
#include <algorithm>
#include <initializer_list>

#include "checked.hpp"
#include "describe.hpp"
#include "stream_transform.hpp"

namespace mica {
namespace {

using Json = JsonBuild;

// Bytes of matrices by how they are stored and run.
struct StorageSums {
  size_t packed = 0, total = 0;  // matrices
  size_t kept = 0;               // input channels that stay float
  uint64_t bytes[std::size(kWeightFormats)] = {};  // by WeightFormat

  void add(std::initializer_list<const Matrix*> matrices) {
    for (const Matrix* matrix : matrices) {
      if (matrix->rows == 0) continue;
      ++total;
      packed += matrix->is_packed();
      kept += matrix->kept_count;
      bytes[static_cast<size_t>(matrix->format)] += matrix->bytes();
    }
  }

  Json json() const {
    Json out = {{"static_matrices", std::to_string(packed) + " of " + std::to_string(total)}};
    for (size_t i = 1; i < std::size(bytes); ++i)
      if (bytes[i] != 0) out[std::string(kWeightFormats[i].name) + "_bytes"] = bytes[i];
    if (bytes[0] != 0) out["float_bytes"] = bytes[0];
    if (kept != 0) out["float_channels"] = kept;
    return out;
  }
};

Json describe_stream(const std::vector<LayerWeights>& layers, const StreamTransform& stream, bool decoder) {
  StorageSums sums;
  size_t suppressed = 0, factored = 0;
  for (const LayerWeights& layer : layers) {
    for (const Matrix& matrix : layer.matrices) sums.add({&matrix});
    for (const FirstFactor& factor : layer.first) {
      sums.add({&factor.matrix});
      factored += factor.matrix.rows != 0;
    }
    suppressed += std::any_of(layer.matrices.begin(), layer.matrices.end(),
                              [](const Matrix& matrix) { return matrix.rank1 != nullptr; });
  }
  Json out = sums.json();
  for (const StreamFlag& flag : kStreamFlags)
    if (decoder || !flag.decoder_only) out[flag.title] = stream.*flag.value;
  if (factored != 0) out["low_rank"] = std::to_string(factored) + " matrices";
  out["rms"] = std::to_string(suppressed) + " of " + std::to_string(layers.size()) + " layers";
  return out;
}

Json describe_matrices(std::initializer_list<const Matrix*> matrices) {
  StorageSums sums;
  sums.add(matrices);
  return sums.json();
}

void take_points(const std::vector<LayerWeights>& layers, std::vector<const QuantPoint*>* out) {
  for (const LayerWeights& layer : layers) {
    for (const QuantPoint& point : layer.points) out->push_back(&point);
    for (const FirstFactor& factor : layer.first)
      if (factor.matrix.rows != 0) out->push_back(&factor.point);
  }
}

}  // namespace

JsonBuild describe_static(const Weights& weights) {
  const DecoderWeights& decoder = weights.decoder;
  const VisionWeights& vision = weights.vision;
  std::vector<const QuantPoint*> points = {&decoder.head_in};
  take_points(decoder.layers, &points);
  for (const VisionWeights* tower : {&weights.vision, &weights.frames}) {
    for (const QuantPoint& point : tower->points) points.push_back(&point);
    take_points(tower->layers, &points);
  }
  const auto has_scale = [](const QuantPoint* point) { return point->scale_text > 0; };
  const auto has_two = [](const QuantPoint* point) {
    return point->scale_text > 0 && point->scale_visual != point->scale_text;
  };
  const auto scaled = std::count_if(points.begin(), points.end(), has_scale);
  if (scaled == 0) return nullptr;
  Json out = {{"quant_points", std::to_string(scaled) + " of " + std::to_string(weights.quant_points)},
              {"scales_by_modality", std::count_if(points.begin(), points.end(), has_two)},
              {"visual_rows_first", weights.aifs}};
  out["decoder"] = describe_stream(decoder.layers, decoder.stream, true);
  const bool tied = decoder.lm_head.data == decoder.embedding.data;
  out["head"] =
      tied ? describe_matrices({&decoder.lm_head}) : describe_matrices({&decoder.embedding, &decoder.lm_head});
  if (vision.layers.empty()) return out;
  Json tower = describe_stream(vision.layers, vision.stream, false);
  tower["attention"] = vision.stream.integer_attention ? "int8" : "float";
  out["tower"] = tower;
  StorageSums patches, projector;
  for (const PartInfo& part : parts_of_tower())
    if (part.kind == PartKind::matrix)
      (part.section == Section::projector ? projector : patches).add({&vision.matrices[part.slot]});
  out["patches"] = patches.json();
  out["projector"] = projector.json();
  return out;
}

}  // namespace mica
