// Gemma (google/gemma-2b-it): text. Data only.
#include "gemma.hpp"

namespace mica::tables {
namespace {

constexpr const char* kModelTypes[] = {"gemma"};
constexpr const char* kArchitectures[] = {"GemmaForCausalLM"};
constexpr const DecoderKind* kDecoders[] = {&kind_gemma};
constexpr std::span<const TensorName> kTensors[] = {kGemmaTensors};

constexpr GgufKind kGguf = {.architecture = "gemma",
                            .text = {.activation = "gelu_pytorch_tanh", .norms_whole = true}};

constexpr Family family() {
  Family f = text_family("gemma", kModelTypes, kArchitectures, kDecoders, kGguf);
  f.tensors = kTensors;
  return f;
}

}  // namespace

extern constinit const Family gemma = family();

}  // namespace mica::tables
