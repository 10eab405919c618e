// Gemma 2 (google/gemma-2-2b-it): text; a window in every second layer, scores and logits are capped. Data only.
#include "gemma.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"gemma2"};
constexpr const char* kArchitectures[] = {"Gemma2ForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_gemma2};
constexpr std::span<const TensorName> kTensors[] = {kGemmaTensors, kGemma2Norms};

constexpr GgufKind kGguf = {.architecture = "gemma2",
                            .text = {.activation = "gelu_pytorch_tanh",
                                     .norms_whole = true,
                                     .windows_by_class = true,
                                     .caps = true,
                                     .layers_scaled_by_width = 46}};  // of 27B

constexpr Family family() {
  Family f = text_family("gemma2", kModelTypes, kArchitectures, kDecoders, kGguf);
  f.tensors = kTensors;
  return f;
}

}  // namespace

extern constinit const Family gemma2 = family();

}  // namespace mica::tables
