// KeptParts: the reasons, one by one.
#include "kept_parts.hpp"

#include <algorithm>

#include "static_format.hpp"

namespace mica {

Status check_unquantized(const Model& model) {
  const auto keeps = [](const Matrix& matrix) { return matrix.steps != nullptr; };
  for (const auto* layers : {&model.weights.decoder.layers, &model.weights.vision.layers})
    for (const LayerWeights& layer : *layers)
      if (std::any_of(layer.matrices.begin(), layer.matrices.end(), keeps))
        return Status::error(Code::invalid_argument,
                             "%s has static ranges of its own (quantization_config): mica runs it as it is; to "
                             "quantize, start from the checkpoint in BF16",
                             model.files->path());
  const ModelFiles& files = *model.files;
  const bool is_packed = files.kind() == ModelFiles::Kind::packed;
  if (!is_packed || files.metadata(static_format::kStaticKey).empty()) return Status::ok();
  return Status::error(Code::invalid_argument, "%s is quantized already; start from the checkpoint", files.path());
}

void keep_parts(const ModelSpec& spec, QuantizeOptions* options, QuantizeReport* report) {
  if (spec.decoder.layer_input != 0 && options->text != WeightFormat::floats)
    report->warnings.push_back(
        "what layers are told of the token itself (its table, a matrix of all layers, two small ones in each) stays as "
        "it is stored: those rows have no static scales");
  if (!spec.has_vision || !spec.vision.bounds_rows || options->vision == WeightFormat::floats) return;
  options->vision = WeightFormat::floats;
  report->warnings.push_back(
      "the tower stays as it is stored: each of its matrices has bounds of its own for the rows that enter it, which "
      "rows of integers that several matrices share cannot keep");
}

}  // namespace mica
