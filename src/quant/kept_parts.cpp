// KeptParts: the reasons, one by one.
#include "kept_parts.hpp"

#include <algorithm>

#include "family.hpp"
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

void add_kept_tensors(const Model& model, const FileTensors& names, const FoldedParts& folded,
                      std::set<std::string> replaced, PackedTensors* tensors) {
  const ModelSpec& spec = model.spec;
  for (const auto& table : name_tables(spec))
    for (const TensorName& name : table) {
      const bool vision = name.section != Section::decoder && name.section != Section::head;
      if ((vision ? folded.vision : folded.decoder) && is_folded(name.slot)) continue;
      const uint32_t layers = name.section == Section::tap     ? spec.vision.taps.count
                              : name.section == Section::inner ? inner_stream(spec).layers
                              : !is_layered(name.slot)         ? 1
                              : vision                         ? spec.vision.layers_used
                                                               : spec.decoder.layers;
      for (uint32_t i = 0; i < layers; ++i)
        for (const char* suffix : kMatrixSuffixes) {
          const Place place = {name.section, name.slot, i};
          if (replaced.contains(names.name(place, suffix))) continue;
          const std::string full = names.stored_name(place, suffix);
          const TensorView* tensor = full.empty() ? nullptr : model.files->find(full);
          if (tensor != nullptr && replaced.insert(full).second) tensors->add_copy(*tensor);
        }
      for (uint32_t i = 0; name.bounds != nullptr && i < layers; ++i)
        for (size_t bound = 0; bound < FileTensors::kBoundCount; ++bound)
          if (const TensorView* tensor = model.files->find(names.bound_name({name.section, name.slot, i}, bound)))
            tensors->add_copy(*tensor);
    }
}

}  // namespace mica
