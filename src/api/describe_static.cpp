// Describe: the static parts of a packed model: how each part is stored, what is rotated, which rows have their own
// scale. What the words mean: engine/static_format.hpp.
#include <algorithm>
#include <initializer_list>

#include "checked.hpp"
#include "describe.hpp"

namespace mica {
namespace {

using Json = nlohmann::ordered_json;

// Bytes of matrices by how they are stored and run.
struct StorageSums {
  size_t packed = 0, total = 0;  // matrices
  size_t kept = 0;               // input channels that stay float
  uint64_t w4a8 = 0, w8a8 = 0, floats = 0;

  void add(std::initializer_list<const Matrix*> matrices) {
    for (const Matrix* matrix : matrices) {
      if (matrix->rows == 0) continue;
      ++total;
      packed += matrix->is_packed();
      kept += matrix->kept_count;
      (matrix->layout == MatrixLayout::panels_u4 ? w4a8 : matrix->is_packed() ? w8a8 : floats) += matrix->bytes();
    }
  }

  Json json() const {
    Json out = {{"static_matrices", std::to_string(packed) + " of " + std::to_string(total)}};
    if (w4a8 != 0) out["w4a8_bytes"] = w4a8;
    if (w8a8 != 0) out["w8a8_bytes"] = w8a8;
    if (floats != 0) out["float_bytes"] = floats;
    if (kept != 0) out["float_channels"] = kept;
    return out;
  }
};

Json describe_stream(const std::vector<LayerWeights>& layers, const StreamTransform& stream) {
  StorageSums sums;
  size_t suppressed = 0;
  for (const LayerWeights& layer : layers) {
    for (const Matrix* matrix : layer.matrices()) sums.add({matrix});
    suppressed += layer.down.rank1 != nullptr;
  }
  Json out = sums.json();
  out["norms_folded"] = stream.folded;
  out["residual_rotated"] = stream.rotated;
  out["heads_rotated"] = stream.head_rotation;
  out["down_rotated"] = stream.down_rotation;
  out["rms"] = std::to_string(suppressed) + " of " + std::to_string(layers.size()) + " layers";
  return out;
}

Json describe_matrices(std::initializer_list<const Matrix*> matrices) {
  StorageSums sums;
  sums.add(matrices);
  return sums.json();
}

void take_points(const std::vector<LayerWeights>& layers, std::vector<const QuantPoint*>* out) {
  for (const LayerWeights& layer : layers)
    for (const QuantPoint* point : {&layer.attention_in, &layer.output_in, &layer.mlp_in, &layer.down_in})
      out->push_back(point);
}

}  // namespace

nlohmann::ordered_json describe_static(const Weights& weights) {
  const DecoderWeights& decoder = weights.decoder;
  const VisionWeights& vision = weights.vision;
  std::vector<const QuantPoint*> points = {&decoder.head_in, &vision.patches_in, &vision.projector_in,
                                           &vision.projector_down_in};
  take_points(decoder.layers, &points);
  take_points(vision.layers, &points);
  const auto has_scale = [](const QuantPoint* point) { return point->scale_text > 0; };
  const auto has_two = [](const QuantPoint* point) {
    return point->scale_text > 0 && point->scale_visual != point->scale_text;
  };
  const auto scaled = std::count_if(points.begin(), points.end(), has_scale);
  if (scaled == 0) return nullptr;
  Json out = {{"quant_points", std::to_string(scaled) + " of " + std::to_string(weights.quant_points)},
              {"scales_by_modality", std::count_if(points.begin(), points.end(), has_two)},
              {"visual_rows_first", weights.aifs},
              {"decoder", describe_stream(decoder.layers, decoder.stream)}};
  out["decoder"]["vocabulary_rotated"] = decoder.stream.vocabulary_rotation;
  const bool tied = decoder.lm_head.data == decoder.embedding.data;
  out["head"] =
      tied ? describe_matrices({&decoder.lm_head}) : describe_matrices({&decoder.embedding, &decoder.lm_head});
  if (vision.layers.empty()) return out;
  out["tower"] = describe_stream(vision.layers, vision.stream);
  out["tower"]["attention"] = vision.stream.integer_attention ? "int8" : "float";
  out["patches"] = describe_matrices({&vision.patch_embedding});
  out["projector"] = describe_matrices({&vision.projector_up, &vision.projector_down});
  return out;
}

}  // namespace mica
