// Quantized checkpoints of other programs, by the tensors that stand where a weight should. Not a reader of them.
#include "foreign_weights.hpp"

#include <string>
#include <vector>

namespace mica {

namespace {

// What stands beside, or in the place of, STEM.weight.
struct Kind {
  const char* suffix;
  const char* name;
};
constexpr Kind kKinds[] = {
    {".qweight", "GPTQ or AWQ"},
    {".weight.absmax", "bitsandbytes (4 bits)"},
    {".weight.quant_state.bitsandbytes__nf4", "bitsandbytes (4 bits)"},
    {".weight.quant_state.bitsandbytes__fp4", "bitsandbytes (4 bits)"},
    {".SCB", "bitsandbytes (8 bits)"},
    {".weight_packed", "compressed-tensors"},
    {".weight_scale_inv", "FP8 in blocks"},
    {".weight_scale", "FP8 or compressed-tensors"},
    {".W_q", "HQQ"},
    {".codebooks", "AQLM"},
    {".Qidxs", "QuIP#"},
    {".trellis", "EXL3"},
    {".q_weight", "EXL2"},
    {".scales", "MLX, or another program's groups"},
};

constexpr const char* kWhatWorks =
    "take the unquantized model (F32, F16 or BF16; mica quantize makes it small), or a GGUF file of it in Q8_0 or Q4_0";

// "F32, F16 and BF16": the types of weights, in GGUF with those that have blocks.
std::string weight_types(bool gguf) {
  std::vector<const char*> names;
  for (const DTypeLayout& layout : kDTypeLayouts)
    if (layout.weights && (layout.block_values == 1 || (gguf && layout.ggml_number >= 0))) names.push_back(layout.name);
  std::string text = names.front();
  for (size_t i = 1; i < names.size(); ++i) text += (i + 1 < names.size() ? ", " : " and ") + std::string(names[i]);
  return text;
}

int width(std::string_view text) { return static_cast<int>(text.size()); }

}  // namespace

Status refuse_foreign_weights(const ModelFiles& files, std::string_view name) {
  constexpr std::string_view kWeight = ".weight";
  const std::string stem(name.substr(0, name.size() - (name.ends_with(kWeight) ? kWeight.size() : 0)));
  if (files.kind() == ModelFiles::Kind::huggingface) {
    for (const Kind& kind : kKinds) {
      if (files.find(stem + kind.suffix) == nullptr) continue;
      return Status::error(Code::unsupported, "%s is quantized by %s (it has %s%s), which mica does not read: %s",
                           files.path(), kind.name, stem.c_str(), kind.suffix, kWhatWorks);
    }
  }
  const TensorView* tensor = files.find(name);
  const bool panels = files.kind() == ModelFiles::Kind::packed;  // integers that mica itself wrote
  if (tensor == nullptr || is_weight_dtype(tensor->dtype)) return Status::ok();
  if (panels && tensor->dtype != DType::other) return Status::ok();
  const bool gguf = files.kind() == ModelFiles::Kind::gguf;
  return Status::error(Code::unsupported, "%s: tensor \"%.*s\" is %.*s; mica reads %s: %s", files.path(), width(name),
                       name.data(), width(tensor->type_name), tensor->type_name.data(), weight_types(gguf).c_str(),
                       gguf ? "take such a file of this model, or its Hugging Face folder"
                            : "save the model as one of these (in Python, with transformers: "
                              "model.to(torch.float32).save_pretrained(FOLDER))");
}

}  // namespace mica
